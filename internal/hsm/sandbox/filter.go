package sandbox

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rule permits one system call where all its conditions hold; a call is
// permitted by any of its rules. A rule with an errno refuses the call with
// that, instead of EPERM.
type rule struct {
	nr    uint32
	when  []condition
	errno unix.Errno
}

// condition holds if the bits of mask in an argument are those of is; or, if
// least is set, if they make a number of 32 bits that is no smaller.
type condition struct {
	argument uint32 // 0 is the first
	mask     uint64
	is       uint64
	least    uint32
}

// Offsets in struct seccomp_data, on which a filter works. Both processors
// are little-endian: of an argument the low half comes first.
const (
	offsetNr        = 0
	offsetArch      = 4
	offsetArguments = 16
	sizeArgument    = 8
)

// Instructions of the classic packet filter.
const (
	opLoad        = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	opAnd         = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	opJumpEqual   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opJumpAtLeast = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	opReturn      = unix.BPF_RET | unix.BPF_K
)

// assemble makes the filter of the rules: what none of them permits is refused
// with EPERM, and so is every call in the form of another processor (on x86-64
// those of 32-bit programs, and x32, whose numbers are in no rule).
//
// Each test that fails skips to the end of its rule, and each rule loads the
// call's number itself, so there are no jumps across rules.
func assemble(arch uint32, rules []rule) []unix.SockFilter {
	refuse := unix.SockFilter{Code: opReturn, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
	program := []unix.SockFilter{
		{Code: opLoad, K: offsetArch},
		{Code: opJumpEqual, K: arch, Jt: 1},
		refuse,
	}
	for _, r := range rules {
		program = append(program, r.assemble()...)
	}
	return append(program, refuse)
}

func (r rule) assemble() []unix.SockFilter {
	code := []unix.SockFilter{
		{Code: opLoad, K: offsetNr},
		{Code: opJumpEqual, K: r.nr},
	}
	for _, c := range r.when {
		at := offsetArguments + sizeArgument*c.argument
		test := unix.SockFilter{Code: opJumpEqual, K: uint32(c.is)}
		if c.least != 0 {
			test = unix.SockFilter{Code: opJumpAtLeast, K: c.least}
		}
		code = append(code, unix.SockFilter{Code: opLoad, K: at}, unix.SockFilter{Code: opAnd, K: uint32(c.mask)}, test)
		if high := uint32(c.mask >> 32); high != 0 {
			code = append(code, unix.SockFilter{Code: opLoad, K: at + sizeArgument/2}, unix.SockFilter{Code: opAnd, K: high},
				unix.SockFilter{Code: opJumpEqual, K: uint32(c.is >> 32)})
		}
	}
	result := uint32(unix.SECCOMP_RET_ALLOW)
	if r.errno != 0 {
		result = unix.SECCOMP_RET_ERRNO | uint32(r.errno)
	}
	code = append(code, unix.SockFilter{Code: opReturn, K: result})
	for i := range code {
		if code[i].Code == opJumpEqual || code[i].Code == opJumpAtLeast {
			code[i].Jf = uint8(len(code) - i - 1)
		}
	}
	return code
}

// install puts the filter in front of every thread of the process, for good.
func install(program []unix.SockFilter) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	header := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&header)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return errno
	}
	if thread != 0 {
		return fmt.Errorf("thread %d has a filter of its own", thread)
	}
	return nil
}
