package disk

import (
	"context"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

func newFolder(mode uint32) *file {
	f := newFile(mode | syscall.S_IFDIR)
	f.names, f.before = map[string]*file{}, map[string]*file{}
	return f
}

// node is a file as FUSE sees it, since the last mount.
type node struct {
	fs.Inode
	d *Disk
	f *file
}

var (
	_ fs.NodeStatfser  = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeLookuper  = (*node)(nil)
	_ fs.NodeReaddirer = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeReader    = (*node)(nil)
	_ fs.NodeWriter    = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeMknoder   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
)

// free is what a change takes that needs no room.
func free() int64 { return 0 }

func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	out.Bsize, out.Frsize, out.NameLen = block, block, 255
	out.Blocks = uint64(n.d.capacity / block)
	if !n.d.full {
		out.Bfree = uint64(max(n.d.capacity-n.d.used, 0) / block)
	}
	out.Bavail, out.Files, out.Ffree = out.Bfree, 1<<20, 1<<20
	return 0
}

// attributes fills them in; the mutex is held.
func (n *node) attributes(out *fuse.Attr) {
	out.Mode, out.Nlink, out.Size, out.Blksize = n.f.mode, 1, uint64(len(n.f.data)), block
	out.Blocks = uint64(taken(int64(len(n.f.data))) / sector)
	out.SetTimes(nil, &n.f.mtime, &n.f.mtime)
}

func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	n.attributes(&out.Attr)
	return 0
}

func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	size, resizes := in.GetSize()
	err := n.d.change(func() int64 {
		if !resizes {
			return 0
		}
		return taken(int64(size)) - taken(int64(len(n.f.data)))
	})
	if err != 0 {
		return err
	}
	defer n.d.mu.Unlock()
	if resizes {
		n.f.resize(int64(size))
	}
	if mode, ok := in.GetMode(); ok {
		n.f.mode = n.f.mode&syscall.S_IFMT | mode&^syscall.S_IFMT
	}
	if mtime, ok := in.GetMTime(); ok {
		n.f.mtime = mtime
	}
	n.attributes(&out.Attr)
	return 0
}

// child is the node of a file below this one; the mutex is held.
func (n *node) child(ctx context.Context, f *file, out *fuse.EntryOut) *fs.Inode {
	below := &node{d: n.d, f: f}
	below.attributes(&out.Attr)
	for _, known := range n.Children() {
		if known, is := known.Operations().(*node); is && known.f == f {
			return known.EmbeddedInode()
		}
	}
	return n.NewInode(ctx, below, fs.StableAttr{Mode: f.mode & syscall.S_IFMT})
}

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	f := n.f.names[name]
	if f == nil {
		return nil, syscall.ENOENT
	}
	return n.child(ctx, f, out), 0
}

func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	var list []fuse.DirEntry
	for _, name := range slices.Sorted(maps.Keys(n.f.names)) {
		list = append(list, fuse.DirEntry{Name: name, Mode: n.f.names[name].mode})
	}
	return fs.NewListDirStream(list), 0
}

func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	if n.d.fault == syscall.EROFS && flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return nil, 0, syscall.EROFS
	}
	return nil, 0, 0
}

func (n *node) Read(_ context.Context, _ fs.FileHandle, dest []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	from := min(offset, int64(len(n.f.data)))
	return fuse.ReadResultData(dest[:copy(dest, n.f.data[from:])]), 0
}

func (n *node) Write(_ context.Context, _ fs.FileHandle, b []byte, offset int64) (uint32, syscall.Errno) {
	err := n.d.change(func() int64 {
		length := int64(len(n.f.data))
		return taken(max(length, offset+int64(len(b)))) - taken(length)
	})
	if err != 0 {
		return 0, err
	}
	defer n.d.mu.Unlock()
	n.f.write(b, offset)
	return uint32(len(b)), 0
}

func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	if err := n.d.change(free); err != 0 {
		return err
	}
	defer n.d.mu.Unlock()
	n.f.sync()
	return 0
}

// add gives a new file a name.
func (n *node) add(ctx context.Context, name string, f *file, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if err := n.d.change(free); err != 0 {
		return nil, err
	}
	defer n.d.mu.Unlock()
	if n.f.names[name] != nil {
		return nil, syscall.EEXIST
	}
	n.f.name(name, f)
	return n.child(ctx, f, out), 0
}

func (n *node) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	i, err := n.add(ctx, name, newFile(mode&^uint32(syscall.S_IFMT)|syscall.S_IFREG), out)
	return i, nil, 0, err
}

func (n *node) Mknod(ctx context.Context, name string, mode, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.add(ctx, name, newFile(mode), out)
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.add(ctx, name, newFolder(mode&^uint32(syscall.S_IFMT)), out)
}

func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	if err := n.d.change(free); err != 0 {
		return err
	}
	defer n.d.mu.Unlock()
	f := n.f.names[name]
	if f == nil {
		return syscall.ENOENT
	}
	n.f.name(name, nil)
	n.d.used -= f.blocks()
	return 0
}

func (n *node) Rmdir(_ context.Context, name string) syscall.Errno {
	if err := n.d.change(free); err != 0 {
		return err
	}
	defer n.d.mu.Unlock()
	f := n.f.names[name]
	switch {
	case f == nil:
		return syscall.ENOENT
	case len(f.names) > 0:
		return syscall.ENOTEMPTY
	}
	n.f.name(name, nil)
	return 0
}

func (n *node) Rename(_ context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if flags&^unix.RENAME_NOREPLACE != 0 {
		return syscall.EINVAL
	}
	target, ok := to.(*node)
	if !ok {
		return syscall.EXDEV
	}
	if err := n.d.change(free); err != 0 {
		return err
	}
	defer n.d.mu.Unlock()
	f := n.f.names[name]
	if f == nil {
		return syscall.ENOENT
	}
	over := target.f.names[newName]
	if over != nil && flags != 0 {
		return syscall.EEXIST
	}
	if over != nil {
		n.d.used -= over.blocks()
	}
	n.f.name(name, nil)
	target.f.name(newName, f)
	f.mtime = time.Now()
	return 0
}
