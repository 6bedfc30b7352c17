package config

import "time"

const (
	maximumWarnPercent = 50
	maximumWarnBefore  = 168 * time.Hour
)

// completeDisks fills in the defaults of what is about disks.
func (c *Config) completeDisks() {
	if _, ok := c.lines["audit.stall_timeout"]; !ok {
		c.Audit.StallTimeout = defaultStall
	}
	if _, ok := c.lines["disk.warn_percent"]; !ok {
		c.Disk.WarnPercent = defaultWarnPercent
	}
	if _, ok := c.lines["disk.warn_before"]; !ok {
		c.Disk.WarnBefore = defaultWarnBefore
	}
}

// maximumGuardDays are ten years.
const maximumGuardDays = 3650

func (k *Keys) validate(p *problems) {
	if n := k.DeletionGuardDays; n < 0 || n > maximumGuardDays {
		p.add("keys.deletion_guard_days", "", "%d: want 0 to %d", n, maximumGuardDays)
	}
}

func (d *Disk) validate(p *problems) {
	if n := d.WarnPercent; n < 0 || n > maximumWarnPercent {
		p.add("disk.warn_percent", "", "%d: want 0 to %d", n, maximumWarnPercent)
	}
	if t := d.WarnBefore; t < 0 || t > maximumWarnBefore {
		p.add("disk.warn_before", "a duration such as 1h", "%v: want 0s to %v", t, maximumWarnBefore)
	}
}
