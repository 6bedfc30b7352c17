package sandbox

import (
	"slices"

	"golang.org/x/sys/unix"
)

// low is the mask of an argument of 32 bits: of such a one the kernel ignores
// the rest.
const low = 1<<32 - 1

// threadFlags are the flags with which the Go runtime makes a thread, and the C
// library of a test binary, which adds some of optionalFlags. Without them
// clone makes a process, with others a namespace.
const (
	threadFlags   = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
	optionalFlags = unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID
)

// permitted are the system calls that are made once the module serves, and
// nothing else. pid is the process's: it signals nobody but itself.
func permitted(pid int) []rule {
	return slices.Concat(moduleCalls(), memoryCalls(), threadCalls(pid), clockCalls(), libraryCalls())
}

// moduleCalls are the module's own: its socket, its listener, its log, memory
// for more domain keys (internal/hsm/domain/slab); and what Verify asks of its
// own state.
func moduleCalls() []rule {
	return []rule{
		{nr: unix.SYS_READ},
		{nr: unix.SYS_WRITE},
		{nr: unix.SYS_RECVFROM},
		{nr: unix.SYS_SENDTO, when: []condition{{argument: 4, mask: 1<<64 - 1, is: 0}}}, // without an address: to the peer, as SYS_WRITE
		{nr: unix.SYS_CLOSE},
		{nr: unix.SYS_SHUTDOWN},
		{nr: unix.SYS_ACCEPT4},
		{nr: unix.SYS_GETSOCKOPT, when: []condition{
			{argument: 1, mask: low, is: unix.SOL_SOCKET}, {argument: 2, mask: low, is: unix.SO_PEERCRED},
		}},
		{nr: unix.SYS_MEMFD_SECRET},
		{nr: unix.SYS_FTRUNCATE, when: []condition{{argument: 0, mask: low, least: firstOwn}}},
		{nr: unix.SYS_MLOCK},
		{nr: unix.SYS_PRCTL, when: []condition{{argument: 0, mask: low, is: unix.PR_GET_DUMPABLE}}},
		{nr: unix.SYS_PRCTL, when: []condition{{argument: 0, mask: low, is: unix.PR_GET_NO_NEW_PRIVS}}},
		{nr: unix.SYS_PRLIMIT64, when: []condition{{argument: 0, mask: low, is: 0}, {argument: 2, mask: 1<<64 - 1, is: 0}}},
	}
}

// memoryCalls are the runtime's, for memory that cannot be executed.
func memoryCalls() []rule {
	notExecutable := []condition{{argument: 2, mask: unix.PROT_EXEC, is: 0}}
	return []rule{
		{nr: unix.SYS_MMAP, when: notExecutable},
		{nr: unix.SYS_MPROTECT, when: notExecutable},
		{nr: unix.SYS_MUNMAP},
		{nr: unix.SYS_MADVISE},
		{nr: unix.SYS_MINCORE},
		{nr: unix.SYS_PRCTL, when: []condition{{argument: 0, mask: low, is: unix.PR_SET_VMA}}}, // names of areas
	}
}

// threadCalls are the runtime's, for threads of this process and signals to
// them, and its end.
func threadCalls(pid int) []rule {
	return []rule{
		{nr: unix.SYS_CLONE, when: []condition{{argument: 0, mask: low &^ optionalFlags, is: threadFlags}}},
		{nr: unix.SYS_CLONE3, errno: unix.ENOSYS}, // its flags lie in memory; the C library then takes clone
		{nr: unix.SYS_EXIT},
		{nr: unix.SYS_EXIT_GROUP},
		{nr: unix.SYS_FUTEX},
		{nr: unix.SYS_GETPID},
		{nr: unix.SYS_GETTID},
		{nr: unix.SYS_SCHED_YIELD},
		{nr: unix.SYS_SCHED_GETAFFINITY},
		{nr: unix.SYS_PREAD64}, // the processor limit of the control group, read again and again
		{nr: unix.SYS_TGKILL, when: []condition{{argument: 0, mask: low, is: uint64(pid)}}},
		{nr: unix.SYS_RT_SIGACTION},
		{nr: unix.SYS_RT_SIGPROCMASK},
		{nr: unix.SYS_RT_SIGRETURN},
		{nr: unix.SYS_SIGALTSTACK},
		{nr: unix.SYS_RESTART_SYSCALL},
	}
}

// clockCalls are the runtime's, for clocks, timers, the poller behind them,
// and random numbers.
func clockCalls() []rule {
	return []rule{
		{nr: unix.SYS_CLOCK_GETTIME},
		{nr: unix.SYS_NANOSLEEP},
		{nr: unix.SYS_EPOLL_CREATE1},
		{nr: unix.SYS_EPOLL_CTL},
		{nr: unix.SYS_EPOLL_PWAIT},
		{nr: unix.SYS_EVENTFD2},
		{nr: unix.SYS_GETRANDOM},
	}
}

// libraryCalls are the C library's, which test binaries may have, for a thread
// of its own.
func libraryCalls() []rule {
	return []rule{{nr: unix.SYS_RSEQ}, {nr: unix.SYS_SET_ROBUST_LIST}}
}

// firstOwn is the first descriptor behind standard error: the log's file must
// not be truncated.
const firstOwn = 3
