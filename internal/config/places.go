package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// place is a path that the configuration names, and the key that does.
type place struct{ key, path string }

// outside are the places that must not be in the data folder: whoever has a
// copy of the folder would have what unseals it, and a restore wants the folder
// empty.
func (c *Config) outside() []place {
	places := []place{{"module.socket", c.Module.Socket}, {"unseal.key_file", c.Unseal.KeyFile}}
	if child := c.Module.Child; child != nil {
		places = append(places, place{"module.child.key_file", child.KeyFile}, place{"module.child.program", child.Program})
	}
	for i := range c.Listeners {
		l, key := &c.Listeners[i], fmt.Sprintf("listeners[%d]", i)
		places = append(places, place{key + ".socket", l.Socket})
		if l.Endpoint != nil {
			places = append(places, place{key + ".endpoint.policy", l.Endpoint.Policy})
		}
		if l.TLS != nil {
			places = append(places, place{key + ".tls.certificate", l.TLS.Certificate}, place{key + ".tls.key", l.TLS.Key})
		}
	}
	if e := c.Audit.Encryption; e != nil {
		places = append(places, place{"audit.encryption.recovery", e.Recovery})
	}
	for i := range c.Audit.Exports {
		places = append(places, c.Audit.Exports[i].places(fmt.Sprintf("audit.exports[%d]", i))...)
	}
	return places
}

// validatePlaces keeps everything but the admin socket out of the data folder.
func (c *Config) validatePlaces(p *problems) {
	for _, place := range c.outside() {
		if within(c.Data, place.path) {
			p.refuseWithin(place)
		}
	}
}

// checkPlaces is validatePlaces for paths with symbolic links.
func (c *Config) checkPlaces(p *problems) {
	data := resolve(c.Data)
	for _, place := range c.outside() {
		if place.path != "" && within(data, resolve(place.path)) {
			p.refuseWithin(place)
		}
	}
}

func (p *problems) refuseWithin(place place) {
	p.add(place.key, "each copy of the data folder would have it too, and a restore wants an empty folder", "%s is in the data folder", place.path)
}

// within reports whether a clean path is a folder or below it.
func within(folder, path string) bool {
	return folder != "" && (path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/"))
}

// resolve follows the symbolic links of a path as far as it is there.
func resolve(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	folder, name := filepath.Split(path)
	if folder = filepath.Clean(folder); folder == path {
		return path
	}
	return filepath.Join(resolve(folder), name)
}

// Who may write what.
const (
	writableByOthers   = 0o022 // than the owner
	writableByEveryone = 0o002
)

// checkSocketFolder wants the folder of a socket that the service makes to be
// there, and to be one in which nobody else could put a socket in its place, nor
// put another folder, or a link, in the place of one on the way.
func checkSocketFolder(p *problems, path, socket string) {
	folder := filepath.Dir(socket)
	if info, err := os.Stat(folder); err != nil {
		p.add(path, "", "its folder: %v", err)
		return
	} else if !info.IsDir() {
		p.add(path, "", "%s is not a folder", folder)
		return
	}
	real := resolve(folder)
	for _, way := range []string{folder, real} {
		for dir := way; ; dir = filepath.Dir(dir) {
			if problem := replaceable(dir, dir == real); problem != "" {
				p.add(path, "others could put a socket of theirs in its place", "%s", problem)
				return
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
}

// replaceable says how others than root and this user could replace what is in a
// folder (last), or the next folder on the way to it; "" if they cannot.
func replaceable(dir string, last bool) string {
	info, err := os.Lstat(dir)
	if err != nil {
		return err.Error()
	}
	mode := info.Mode()
	open := mode.Perm()&writableByEveryone != 0 && mode&fs.ModeSticky == 0
	if last {
		open = mode.Perm()&writableByOthers != 0
	}
	switch by := owner(info); {
	case by != 0 && by != os.Geteuid():
		return fmt.Sprintf("%s belongs to user %d", dir, by)
	case open && mode.Type() != fs.ModeSymlink: // a link's mode says nothing
		return fmt.Sprintf("%s has mode %04o: not only its owner can write in it", dir, mode.Perm())
	}
	return ""
}

// checkWritable refuses a file that everybody can change.
func checkWritable(p *problems, path, file string) {
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&writableByEveryone != 0 {
		p.add(path, "chmod o-w "+file, "%s has mode %04o: everybody can change it", file, info.Mode().Perm())
	}
}
