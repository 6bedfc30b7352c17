package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"trent/internal/arn"
)

const (
	maxName         = 32
	maxSocketPath   = 107 // bytes, of the kernel's struct sockaddr_un
	minimumRotation = time.Hour
	minimumStall    = 100 * time.Millisecond
	maximumStall    = time.Minute
)

// validate finds what is wrong with the settings by themselves.
func (c *Config) validate(p *problems) {
	if c.Data == "" {
		p.add("data", "", "is missing: the data folder")
	}
	if !validPartition(c.Partition) {
		p.add("partition", "", "%q is no partition; want aws, aws-cn, aws-us-gov, or one of that form", c.Partition)
	}
	c.validateRegions(p)
	c.validateListeners(p)
	if d := c.Audit.Durability; d != DurabilityStrict && d != DurabilityRelaxed {
		hint := ""
		if d == "nowait" {
			hint = "nowait is for trent dev only"
		}
		p.add("audit.durability", hint, "%q: want strict or relaxed", d)
	}
	if d := c.Audit.StallTimeout; d < minimumStall || d > maximumStall {
		p.add("audit.stall_timeout", "a duration such as 10s", "%v: want %v to %v", d, minimumStall, maximumStall)
	}
	c.Disk.validate(p)
	c.Keys.validate(p)
	c.validateExports(p)
	if c.Audit.Encryption != nil {
		c.Audit.Encryption.validate(p, c)
	}
	c.validateModule(p)
	c.validatePlaces(p)
	if f := c.FIPS; f != FIPSOn && f != FIPSStrict {
		p.add("fips", "", "%q: want on or strict", f)
	}
	if c.DomainRotation < minimumRotation {
		p.add("domain_rotation", "a duration such as 24h", "%v is less than %v", c.DomainRotation, minimumRotation)
	}
	c.validateQuotas(p)
	if _, err := c.Log.SlogLevel(); err != nil {
		p.add("log.level", "", "%q: want debug, info, warn or error", c.Log.Level)
	}
	if f := c.Log.Format; f != FormatText && f != FormatJSON {
		p.add("log.format", "", "%q: want json or text", f)
	}
	if r := c.Log.Requests; r != RequestsAll && r != RequestsErrors && r != RequestsNone {
		p.add("log.requests", "", "%q: want all, errors or none", r)
	}
	if a := c.Metrics.Address; a != "" {
		validateAddress(p, "metrics.address", a)
	}
	if len(c.Admin.Users) > 0 && within(c.Data, c.Admin.Socket) {
		p.add("admin.users", "set admin.socket", "cannot reach the socket in the data folder, which only the service's user can enter")
	}
}

// SlogLevel is the level as the logger has it.
func (l *Log) SlogLevel() (level slog.Level, err error) {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, l.Level) {
		return level, fmt.Errorf("config: log level %q", l.Level)
	}
	return level, level.UnmarshalText([]byte(l.Level))
}

func validPartition(s string) bool {
	rest, ok := strings.CutPrefix(s, "aws")
	return ok && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz-") == "" && len(rest) <= 28 &&
		(rest == "" || rest[0] == '-' && !strings.HasSuffix(rest, "-"))
}

func (c *Config) validateRegions(p *problems) {
	if len(c.Regions) == 0 {
		p.add("regions", "such as [eu-west-1]", "is missing: the Regions to serve")
	}
	for i, region := range c.Regions {
		path := fmt.Sprintf("regions[%d]", i)
		switch {
		case !arn.IsRegion(region):
			p.add(path, "", "%q has not the form of a Region, such as eu-west-1", region)
		case slices.Contains(c.Regions[:i], region):
			p.add(path, "", "%s stands twice", region)
		}
	}
}

func (c *Config) validateListeners(p *problems) {
	if len(c.Listeners) == 0 {
		p.add("listeners", "", "is missing: at least one listener")
	}
	names := map[string]bool{}
	places := map[string]bool{c.Admin.Socket: true, c.Module.Socket: true, c.Metrics.Address: true}
	for i := range c.Listeners {
		l := &c.Listeners[i]
		path := fmt.Sprintf("listeners[%d]", i)
		switch {
		case l.Name == "":
			p.add(path+".name", "", "is missing: audit records name the listener")
		case !validName(l.Name):
			p.add(path+".name", "", "%q: want a-z, 0-9 and -, at most %d", l.Name, maxName)
		case names[l.Name]:
			p.add(path+".name", "", "%s stands twice", l.Name)
		}
		names[l.Name] = true
		if place := l.Address + l.Socket; place != "" && places[place] && !strings.HasSuffix(l.Address, ":0") {
			p.add(path, "", "%s stands twice", place)
		} else {
			places[place] = true
		}
		l.validate(p, path)
	}
}

func (l *Listener) validate(p *problems, path string) {
	_, hasMode := p.config.lines[path+".mode"]
	switch {
	case (l.Address == "") == (l.Socket == ""):
		p.add(path, "", "wants one of address and socket")
	case l.Socket != "":
		validateSocket(p, path+".socket", l.Socket)
		if l.Plaintext {
			p.add(path+".plaintext", "leave it out", "a Unix socket needs no permission to be plain HTTP")
		}
	default:
		if hasMode {
			p.add(path+".mode", "", "is for a socket only")
		}
		local := validateAddress(p, path+".address", l.Address)
		if l.TLS == nil && !local && !l.Plaintext {
			p.add(path+".tls", "give it a certificate, or say plaintext: true if a proxy ends TLS and the network between is trusted",
				"is missing: %s can be reached from other machines", l.Address)
		}
	}
	if l.Endpoint != nil {
		l.Endpoint.validate(p, path+".endpoint")
	}
	if l.TLS == nil {
		return
	}
	if l.Plaintext {
		p.add(path+".plaintext", "", "contradicts tls")
	}
	if l.TLS.Certificate == "" {
		p.add(path+".tls.certificate", "", "is missing: a PEM file")
	}
	if l.TLS.Key == "" {
		p.add(path+".tls.key", "", "is missing: a PEM file")
	}
}

// Remote reports whether other machines can reach a listener.
func (l *Listener) Remote() bool { return l.Socket == "" && !loopback(l.Address) }

// validateAddress reports whether only this machine can reach an address.
func validateAddress(p *problems, path, address string) (local bool) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		p.add(path, "such as 0.0.0.0:8443 or [::1]:8443", "%q is no address with a port", address)
		return true // one error is enough
	}
	return loopback(address)
}

// loopback reports whether only this machine can reach an address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func validateSocket(p *problems, path, socket string) {
	if len(socket) > maxSocketPath {
		p.add(path, "", "%s has more than %d bytes, which no Unix socket can", socket, maxSocketPath)
	}
}

func validName(name string) bool {
	return len(name) <= maxName && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func (c *Config) validateModule(p *problems) {
	m := &c.Module
	switch {
	case m.Child == nil && m.Socket == "":
		p.add("module", "", "wants one of child and socket")
	case m.Child != nil && m.Socket != "":
		p.add("module", "", "has both child and socket, and wants one of them")
	case m.Child != nil:
		if m.Child.KeyFile == "" {
			p.add("module.child.key_file", "", "is missing: what unseals the module")
		}
		if c.Unseal.KeyFile != "" {
			p.add("unseal.key_file", "the child's is module.child.key_file", "is for a module at a socket")
		}
		if !c.Unseal.SameUser {
			p.add("unseal.same_user", "say same_user: true, or run trent-hsm under a user of its own and use module.socket",
				"must be true with module.child: the child runs as the service's user, who can then open the module's key file")
		}
	default:
		validateSocket(p, "module.socket", m.Socket)
		if c.Unseal.KeyFile == "" && !c.Unseal.SameUser {
			p.add("unseal.key_file", "the service sees to it that it cannot open the file", "is missing: where the module's key file is")
		}
	}
}
