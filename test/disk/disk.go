// Package disk is a disk that tests can break: a file system in memory, mounted
// with FUSE, on which real programs run. It fills up, turns read-only, stalls, and
// loses its power. Then it forgets what was not synced, as the kernel's page
// cache never does when a process is killed.
//
// What a loss of power leaves is what POSIX promises and no more: of a file the
// bytes that were there when it was last synced, and of each 512-byte sector
// written since the old or the new contents, whatever the order of the writes; its old
// length, or one up to the new; of a folder the names that were there when it was last
// synced, and of each name that was made, moved or removed since either.
package disk

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// device is what FUSE is spoken over.
const device = "/dev/fuse"

// Disk is a mounted disk. Its methods may be called concurrently, but for
// LosePower.
type Disk struct {
	Path string // where it is mounted

	t      testing.TB
	server *fuse.Server

	mu       sync.Mutex
	root     *file
	capacity int64 // bytes
	used     int64 // by files' contents, in whole blocks
	full     bool
	fault    syscall.Errno
	stall    chan struct{} // not nil: whoever writes waits until it is closed
}

// New mounts a disk of that many bytes. A machine that has no FUSE, or does not
// let this user mount, skips the test by name.
func New(t testing.TB, capacity int64) *Disk {
	t.Helper()
	if f, err := os.OpenFile(device, os.O_RDWR, 0); err != nil {
		t.Skipf("no disk to break: %v (as root, with FUSE in the kernel, it works)", err)
	} else if os.Geteuid() != 0 {
		t.Skip("no disk to break: only root mounts one")
	} else {
		f.Close()
	}
	d := &Disk{Path: t.TempDir(), t: t, capacity: capacity, root: newFolder(0o700)}
	d.mount()
	t.Cleanup(func() {
		d.Mend()
		d.unmount()
	})
	return d
}

// apart is set in the environment of a test binary in a mount namespace of its own.
const apart = "TRENT_TEST_APART"

// Apart runs the test binary in a mount namespace of its own, as root, so that no
// mount outlasts it, however it ends. TestMain calls it first.
func Apart() {
	if os.Geteuid() != 0 || os.Getenv(apart) != "" {
		return
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), apart+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	if cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "disk: no mount namespace:", err)
		os.Exit(1)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

func (d *Disk) mount() {
	d.t.Helper()
	// Nothing is kept by the kernel that this file system could be asked for.
	none := time.Duration(0)
	server, err := fs.Mount(d.Path, &node{d: d, f: d.root}, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "trent-test", Name: "trent-test", AllowOther: true, MaxWrite: 1 << 20, DisableXAttrs: true},
		EntryTimeout: &none, AttrTimeout: &none, NullPermissions: true,
	})
	if err != nil {
		d.t.Fatalf("mounting the disk: %v", err)
	}
	d.server = server
}

func (d *Disk) unmount() {
	if d.server == nil {
		return
	}
	if err := syscall.Unmount(d.Path, syscall.MNT_DETACH); err != nil {
		d.t.Errorf("unmounting the disk: %v", err)
	}
	d.server.Wait()
	d.server = nil
}

// Fill leaves no room.
func (d *Disk) Fill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = true
}

// Break makes every change and every sync fail: EROFS on a disk that turned
// read-only, EIO on one that is lost. What is there can be read.
func (d *Disk) Break(with syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = with
}

// Stall makes everybody who writes or syncs wait until Mend.
func (d *Disk) Stall() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stall == nil {
		d.stall = make(chan struct{})
	}
}

// Mend ends Fill, Break and Stall.
func (d *Disk) Mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault, d.full = 0, false
	if d.stall != nil {
		close(d.stall)
		d.stall = nil
	}
}

// LosePower forgets what was not synced; rng says which of it. Before it, Break the
// disk, at the moment when the power fails, and then end the programs that use it.
func (d *Disk) LosePower(rng *rand.Rand) {
	d.t.Helper()
	d.unmount()
	d.mu.Lock()
	d.root.losePower(rng)
	d.used = d.root.blocks()
	d.fault = 0
	d.mu.Unlock()
	d.mount()
}

// change begins a change that takes so many more bytes; the mutex is held if it
// returns 0.
func (d *Disk) change(more func() int64) syscall.Errno {
	d.mu.Lock()
	for d.stall != nil {
		stall := d.stall
		d.mu.Unlock()
		<-stall
		d.mu.Lock()
	}
	err := d.fault
	if err == 0 {
		if n := more(); n > 0 && (d.full || d.used+n > d.capacity) {
			err = syscall.ENOSPC
		} else {
			d.used += n
		}
	}
	if err != 0 {
		d.mu.Unlock()
	}
	return err
}
