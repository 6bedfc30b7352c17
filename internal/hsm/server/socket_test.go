package server

import (
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpenSocketRefusesOthers(t *testing.T) {
	t.Parallel()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := OpenSocket(int(f.Fd())); err == nil {
		t.Error("a file was taken for a socket")
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	if _, err := OpenSocket(fds[0]); err == nil {
		t.Error("a datagram socket was taken")
	}
}

// TestReadBusy: it returns what is there, waits if there is nothing, and sees
// the end of input, as Read does.
func TestReadBusy(t *testing.T) {
	t.Parallel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := OpenSocket(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	theirs := &Socket{fd: fds[1]}
	var b [16]byte
	for _, late := range []bool{false, true} {
		written := make(chan error, 1)
		write := func() {
			_, err := theirs.Write([]byte("frame"))
			written <- err
		}
		if late {
			go write()
		} else {
			write()
		}
		if n, err := ours.ReadBusy(b[:]); err != nil || string(b[:n]) != "frame" {
			t.Errorf("late %v: %q, %v", late, b[:n], err)
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := ours.ReadBusy(b[:]); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
}
