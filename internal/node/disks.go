package node

import (
	"path/filepath"

	"trent/internal/admin"
	"trent/internal/diskspace"
	"trent/internal/obs"
)

// watchDisks warns long before the disk of the store or of the trail is full. The
// trail's may be one of its own.
func (n *Node) watchDisks() {
	n.disks = &diskspace.Watch{
		Volumes:     []diskspace.Volume{{Name: "store", Path: filepath.Join(n.Data, storeFolder)}, {Name: "audit", Path: n.trailFolder()}},
		WarnPercent: n.DiskWarnPercent, WarnBefore: n.DiskWarnBefore, Log: n.Log,
	}
	n.start(n.disks.Run)
}

// diskStatus is what operators see of them.
func (n *Node) diskStatus() (all []admin.Disk) {
	for _, d := range n.disks.Known() {
		all = append(all, admin.Disk{Name: d.Name, Path: d.Path, FreeBytes: d.Free, Bytes: d.Total, FullInSeconds: int64(d.Full.Seconds()), Low: d.Low})
	}
	return all
}

func (n *Node) measureDisks() {
	m, volume := n.Metrics, []string{"volume"}
	each := func(value func(diskspace.Status) float64) func(obs.Emit) {
		return func(emit obs.Emit) {
			for _, d := range n.disks.Known() {
				emit(value(d), d.Name)
			}
		}
	}
	m.Gauges("disk_bytes", "Size of the file system of the store, and of the audit trail.", volume, each(func(d diskspace.Status) float64 { return float64(d.Total) }))
	m.Gauges("disk_free_bytes", "What of it is free.", volume, each(func(d diskspace.Status) float64 { return float64(d.Free) }))
	m.Gauges("disk_low", "1 if it is time to make room, as the configuration says.", volume, each(func(d diskspace.Status) float64 { return oneIf(d.Low) }))
	m.Gauges("disk_filling_bytes_per_second", "How fast it has filled up in the last quarter of an hour; 0 if it has not.", volume, each(func(d diskspace.Status) float64 {
		if d.Full == 0 {
			return 0
		}
		return float64(d.Free) / d.Full.Seconds()
	}))
}
