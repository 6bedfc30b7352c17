package sandbox

import (
	"fmt"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"
)

// foreign makes system calls as a 32-bit program does, and as an x32 program.
func foreign() error {
	// Go passes these three in AX, BX and CX, and takes the result from AX:
	// where the kernel has them, too.
	code, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	copy(code, []byte{0xcd, 0x80, 0xc3}) // int 0x80; ret
	if err := unix.Mprotect(code, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		return err
	}
	entry := &code[0]
	function := &entry
	int80 := *(*func(nr, a, b uintptr) int)(unsafe.Pointer(&function))
	const getpid, socket, x32 = 20, 359, 1 << 30
	emulated := runs(func() bool { return int80(getpid, 0, 0) == unix.Getpid() })
	if _, err := Enter(); err != nil {
		return err
	}
	for _, nr := range []uintptr{getpid, socket} {
		if !emulated {
			break
		}
		if got := int80(nr, unix.AF_INET, unix.SOCK_STREAM); got != -int(unix.EPERM) {
			return fmt.Errorf("32-bit call %d: %d", nr, got)
		}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_GETPID|x32, 0, 0, 0); errno != unix.EPERM {
		return fmt.Errorf("x32 call: %w", errno)
	}
	return nil
}

// runs says what f says; false where it faults: a kernel that runs no 32-bit
// programs takes int 0x80 for a fault.
func runs(f func() bool) (ok bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { _ = recover() }()
	return f()
}
