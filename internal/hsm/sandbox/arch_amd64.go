package sandbox

import "golang.org/x/sys/unix"

// nativeArch is how the kernel marks calls of this program's kind.
const nativeArch = unix.AUDIT_ARCH_X86_64
