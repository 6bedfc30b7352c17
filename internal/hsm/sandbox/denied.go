package sandbox

import (
	"slices"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// deniedNames are the system calls that the module has no use for once it
// serves, and an intruder would. What the Go runtime needs stays: memory,
// threads, futexes, signals, clocks, epoll, random numbers, and reading,
// writing and closing what is open, and accepting connections.
var deniedNames = []string{
	// files and folders
	"open", "openat", "openat2", "creat", "open_by_handle_at", "name_to_handle_at",
	"unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat",
	"mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "truncate", "ftruncate", "fallocate",
	"chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "chdir", "fchdir", "chroot",
	"setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
	"utime", "utimes", "utimensat", "futimesat", "getdents", "getdents64", "memfd_create", "copy_file_range",
	"sendfile", "splice", "tee", "vmsplice", "inotify_init", "inotify_init1", "inotify_add_watch",
	"fanotify_init", "fanotify_mark",
	// the network, and descriptors to and from other processes
	"socket", "socketpair", "connect", "bind", "listen", "sendto", "sendmsg", "sendmmsg", "recvmsg", "recvmmsg",
	"pidfd_open", "pidfd_getfd", "pidfd_send_signal",
	// other programs and processes
	"execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
	"kcmp", "setpgid", "setsid", "personality",
	// rights and namespaces
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups", "capset",
	"unshare", "setns", "mount", "umount2", "pivot_root", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
	// the kernel's larger and rarer entrances
	"io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup", "io_submit", "bpf", "perf_event_open", "userfaultfd",
	"keyctl", "add_key", "request_key", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
	"reboot", "swapon", "swapoff", "syslog", "acct", "quotactl", "iopl", "ioperm", "modify_ldt", "lookup_dcookie",
	"settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname",
	"shmget", "shmat", "shmctl", "msgget", "msgsnd", "msgrcv", "semget", "semop", "mq_open",
}

// denied are those that this processor's kernel has: arm64, say, has no open.
func denied() []string {
	info, err := arch.GetInfo("")
	if err != nil {
		return deniedNames // loading the filter fails with the same error
	}
	return slices.DeleteFunc(slices.Clone(deniedNames), func(name string) bool {
		_, ok := info.SyscallNames[name]
		return !ok
	})
}

// newCode denies memory that can be executed, beyond the program itself.
func newCode() []seccomp.NameWithConditions {
	executable := seccomp.ArgumentConditions{{Argument: 2, Operation: seccomp.BitsSet, Value: unix.PROT_EXEC}}
	return []seccomp.NameWithConditions{
		{Name: "mmap", Conditions: executable},
		{Name: "mprotect", Conditions: executable},
		{Name: "pkey_mprotect", Conditions: executable},
	}
}
