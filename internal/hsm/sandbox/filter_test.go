package sandbox

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"
)

const pid = 4711

// call is what the kernel hands to a filter.
type call struct {
	arch, nr  uint32
	arguments [6]uint64
}

func (c call) load(offset uint32) uint32 {
	switch {
	case offset == offsetNr:
		return c.nr
	case offset == offsetArch:
		return c.arch
	}
	at := offset - offsetArguments
	return uint32(c.arguments[at/sizeArgument] >> (8 * (at % sizeArgument)))
}

// decide runs the filter as the kernel would.
func decide(t *testing.T, program []unix.SockFilter, c call) uint32 {
	t.Helper()
	var a uint32
	for pc := 0; pc < len(program); pc++ {
		switch i := program[pc]; i.Code {
		case opLoad:
			a = c.load(i.K)
		case opAnd:
			a &= i.K
		case opJumpEqual, opJumpAtLeast:
			holds := a == i.K
			if i.Code == opJumpAtLeast {
				holds = a >= i.K
			}
			if holds {
				pc += int(i.Jt)
			} else {
				pc += int(i.Jf)
			}
		case opReturn:
			return i.K
		default:
			t.Fatalf("instruction %d has the code %#x", pc, i.Code)
		}
	}
	t.Fatal("the filter does not end")
	return 0
}

const (
	allow  = unix.SECCOMP_RET_ALLOW
	eperm  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	enosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

func TestArguments(t *testing.T) {
	t.Parallel()
	program := assemble(nativeArch, permitted(pid))
	const goThread = threadFlags | unix.CLONE_SETTLS
	for name, c := range map[string]struct {
		nr        uint32
		arguments [6]uint64
		want      uint32
	}{
		"read":                          {unix.SYS_READ, [6]uint64{3, 1 << 40, 99}, allow},
		"a thread of Go":                {unix.SYS_CLONE, [6]uint64{goThread}, allow},
		"a thread of C":                 {unix.SYS_CLONE, [6]uint64{goThread | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID}, allow},
		"fork":                          {unix.SYS_CLONE, [6]uint64{uint64(unix.SIGCHLD)}, eperm},
		"vfork":                         {unix.SYS_CLONE, [6]uint64{unix.CLONE_VM | unix.CLONE_VFORK}, eperm},
		"a namespace":                   {unix.SYS_CLONE, [6]uint64{goThread | unix.CLONE_NEWUSER}, eperm},
		"a network namespace":           {unix.SYS_CLONE, [6]uint64{unix.CLONE_NEWUSER | unix.CLONE_NEWNET}, eperm},
		"a process in this memory":      {unix.SYS_CLONE, [6]uint64{goThread &^ unix.CLONE_THREAD}, eperm},
		"clone3":                        {unix.SYS_CLONE3, [6]uint64{1 << 40, 88}, enosys},
		"memory":                        {unix.SYS_MMAP, [6]uint64{0, 4096, unix.PROT_READ | unix.PROT_WRITE}, allow},
		"executable memory":             {unix.SYS_MMAP, [6]uint64{0, 4096, unix.PROT_READ | unix.PROT_EXEC}, eperm},
		"memory protected":              {unix.SYS_MPROTECT, [6]uint64{0, 4096, unix.PROT_NONE}, allow},
		"memory made executable":        {unix.SYS_MPROTECT, [6]uint64{0, 4096, unix.PROT_EXEC}, eperm},
		"by key":                        {unix.SYS_PKEY_MPROTECT, [6]uint64{0, 4096, unix.PROT_READ, 1}, eperm},
		"a name for memory":             {unix.SYS_PRCTL, [6]uint64{unix.PR_SET_VMA}, allow},
		"dumpable?":                     {unix.SYS_PRCTL, [6]uint64{unix.PR_GET_DUMPABLE}, allow},
		"dumpable!":                     {unix.SYS_PRCTL, [6]uint64{unix.PR_SET_DUMPABLE, 1}, eperm},
		"dumpable, high bits":           {unix.SYS_PRCTL, [6]uint64{1<<32 | unix.PR_SET_DUMPABLE, 1}, eperm},
		"a tracer":                      {unix.SYS_PRCTL, [6]uint64{unix.PR_SET_PTRACER, 1}, eperm},
		"a signal to a thread":          {unix.SYS_TGKILL, [6]uint64{pid, pid + 1, uint64(unix.SIGURG)}, allow},
		"a signal to another process":   {unix.SYS_TGKILL, [6]uint64{pid + 1, pid + 1, uint64(unix.SIGURG)}, eperm},
		"own limit":                     {unix.SYS_PRLIMIT64, [6]uint64{0, unix.RLIMIT_CORE, 0, 1 << 40}, allow},
		"own limit set":                 {unix.SYS_PRLIMIT64, [6]uint64{0, unix.RLIMIT_CORE, 1 << 40, 0}, eperm},
		"own limit set, high and low":   {unix.SYS_PRLIMIT64, [6]uint64{0, unix.RLIMIT_CORE, 0x7fff_0000_1000, 0}, eperm},
		"another's limit":               {unix.SYS_PRLIMIT64, [6]uint64{1, unix.RLIMIT_CORE, 0, 1 << 40}, eperm},
		"the peer":                      {unix.SYS_GETSOCKOPT, [6]uint64{5, unix.SOL_SOCKET, unix.SO_PEERCRED}, allow},
		"another option":                {unix.SYS_GETSOCKOPT, [6]uint64{5, unix.SOL_SOCKET, unix.SO_PEERPIDFD}, eperm},
		"another level":                 {unix.SYS_GETSOCKOPT, [6]uint64{5, unix.SOL_TCP, unix.SO_PEERCRED}, eperm},
		"size of secret memory":         {unix.SYS_FTRUNCATE, [6]uint64{3, 4096}, allow},
		"size of the log":               {unix.SYS_FTRUNCATE, [6]uint64{2, 0}, eperm},
		"size of the log, other number": {unix.SYS_FTRUNCATE, [6]uint64{1<<32 | 2, 0}, eperm},
	} {
		if got := decide(t, program, call{nativeArch, c.nr, c.arguments}); got != c.want {
			t.Errorf("%s: %#x, not %#x", name, got, c.want)
		}
	}
}

// permits says by itself whether a rule permits a call.
func permits(r rule, c call) bool {
	for _, w := range r.when {
		got := c.arguments[w.argument] & w.mask
		if w.least != 0 && uint32(got) < w.least || w.least == 0 && got != w.is&w.mask {
			return false
		}
	}
	return r.nr == c.nr
}

// TestEveryCall gives the filter every call there is, and none of another
// processor's, with arguments that one or the other rule wants.
func TestEveryCall(t *testing.T) {
	t.Parallel()
	rules := permitted(pid)
	program := assemble(nativeArch, rules)
	values := []uint64{0, 1, 2, 3, pid, 1 << 32, 1<<64 - 1}
	for _, r := range rules {
		values = append(values, uint64(r.nr))
		for _, w := range r.when {
			values = append(values, w.is, w.is^1, w.is|1<<32)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	count := 0
	for nr := range uint32(1024) {
		for range 64 {
			c := call{arch: nativeArch, nr: nr}
			for i := range c.arguments {
				c.arguments[i] = values[random.IntN(len(values))]
			}
			want := eperm
			for _, r := range rules {
				if permits(r, c) {
					want = allow
					if r.errno != 0 {
						want = enosys
					}
					break
				}
			}
			if got := decide(t, program, c); got != want {
				t.Fatalf("%+v: %#x, not %#x", c, got, want)
			}
			if want == allow {
				count++
			}
			for _, arch := range []uint32{unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_ARM, 0} {
				c.arch = arch
				if got := decide(t, program, c); got != eperm {
					t.Fatalf("processor %#x: %+v: %#x", arch, c, got)
				}
			}
			c.arch, c.nr = nativeArch, nr|1<<30 // x32
			if got := decide(t, program, c); got != eperm {
				t.Fatalf("x32: %+v: %#x", c, got)
			}
		}
	}
	if count < 1000 {
		t.Errorf("only %d calls were permitted", count)
	}
}
