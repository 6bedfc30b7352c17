package domain

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Limits of a file of peers.
const (
	maxPeers     = 512
	maxPeersFile = 256 << 10
)

// ErrPeers says that a file of peers must not be used as it is.
var ErrPeers = errors.New("domain: file of replication peers refused")

// OpenPeers reads a file of peers. The error wraps ErrPeers if it is not a regular
// file (a symbolic link is none) of this process's user or root that nobody else
// can write, or if a line of it is not one.
func OpenPeers(path string) ([]Peer, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%w: %s is a symbolic link", ErrPeers, path)
	}
	if err != nil {
		return nil, fmt.Errorf("domain: open file of replication peers: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("domain: file of replication peers: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrPeers, path)
	case info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("%w: %s has mode %04o, and others than its owner can write it", ErrPeers, path, info.Mode().Perm())
	case !ok || stat.Uid != 0 && int(stat.Uid) != os.Geteuid():
		return nil, fmt.Errorf("%w: %s belongs to another user", ErrPeers, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPeersFile+1))
	if err != nil {
		return nil, fmt.Errorf("domain: read file of replication peers: %w", err)
	}
	peers, err := ParsePeers(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return peers, nil
}

// ParsePeers reads the lines of a file of peers (docs/formats.md, "Replication
// peers"). Each domain has one line at most. The error wraps ErrPeers.
func ParsePeers(text []byte) ([]Peer, error) {
	if len(text) > maxPeersFile {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrPeers, maxPeersFile)
	}
	var peers []Peer
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		p, ok := parsePeer(line)
		if !ok {
			return nil, fmt.Errorf("%w: line %d is not a Region, a domain id and a replication key", ErrPeers, i+1)
		}
		for _, other := range peers {
			if other.ID == p.ID {
				return nil, fmt.Errorf("%w: line %d names a domain once more", ErrPeers, i+1)
			}
		}
		if peers = append(peers, p); len(peers) > maxPeers {
			return nil, fmt.Errorf("%w: there are more than %d", ErrPeers, maxPeers)
		}
	}
	return peers, nil
}

func parsePeer(line string) (p Peer, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 3 || !validName(fields[0]) || fields[0] == globalName {
		return p, false
	}
	p.Region = fields[0]
	id, err := hex.DecodeString(fields[1])
	if err != nil || len(id) != len(p.ID) {
		return p, false
	}
	p.ID = ID(id)
	if p.Public, err = base64.StdEncoding.Strict().DecodeString(fields[2]); err != nil {
		return p, false
	}
	return p, p.ID.valid() && pointOf(p.Public) != nil
}
