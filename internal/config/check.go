package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"trent/internal/certificate"
)

// Check looks at the files that the configuration names, as the user of this
// process, which has to be the service's: certificates and their keys, the data
// folder if there is one, the crypto module's program, and whether this user
// can open the module's key file. The error is Errors; warnings are what an
// operator should know and may want.
func (c *Config) Check(now time.Time) (warnings Errors, err error) {
	wrong, doubtful := &problems{config: c}, &problems{config: c}
	checkWritable(wrong, "", c.File)
	c.checkData(wrong)
	c.checkPlaces(wrong)
	for i := range c.Listeners {
		c.Listeners[i].check(fmt.Sprintf("listeners[%d]", i), c.Partition, now, wrong, doubtful)
	}
	c.checkExports(wrong, doubtful)
	if c.Audit.Encryption != nil {
		c.Audit.Encryption.check(wrong)
	}
	if filepath.Dir(c.Admin.Socket) != c.Data { // which may be made later, and is checked already
		checkSocketFolder(wrong, "admin.socket", c.Admin.Socket)
	}
	if a := c.Metrics.Address; a != "" && !loopback(a) {
		doubtful.add("metrics.address", "127.0.0.1:9464, or a firewall", "who reaches %s sees the metrics, and can keep the collector from them: it has no password", a)
	}
	if c.Module.Child != nil {
		c.checkChild(wrong)
	} else {
		c.checkSeparate(wrong)
	}
	if c.Unseal.SameUser {
		doubtful.add("unseal.same_user", "docs/threat-model.md", "whoever takes over the service can read the crypto module's key file")
	}
	return doubtful.found, wrong.found.err()
}

// checkData: the folder may be missing, before trent init.
func (c *Config) checkData(p *problems) {
	info, err := os.Stat(c.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		p.add("data", "", "%v", err)
	case !info.IsDir():
		p.add("data", "", "%s is not a folder", c.Data)
	case owner(info) != os.Geteuid():
		p.add("data", "run this as the service's user", "%s belongs to user %d, and this is user %d", c.Data, owner(info), os.Geteuid())
	case info.Mode().Perm()&0o077 != 0:
		p.add("data", "chmod 0700 "+c.Data, "%s has mode %04o: others can see into it", c.Data, info.Mode().Perm())
	}
}

func owner(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

func (l *Listener) check(path, partition string, now time.Time, wrong, doubtful *problems) {
	if l.Endpoint != nil {
		l.Endpoint.check(wrong, path+".endpoint", partition)
	}
	if l.Plaintext && l.Remote() {
		doubtful.add(path+".plaintext", "", "what is encrypted and decrypted over %s can be read on the network", l.Address)
	}
	if l.Socket != "" {
		checkSocketFolder(wrong, path+".socket", l.Socket)
	}
	if l.TLS == nil {
		return
	}
	pair, err := certificate.Load(l.TLS.Certificate, l.TLS.Key)
	switch {
	case errors.Is(err, certificate.ErrExposed):
		wrong.add(path+".tls.key", "chmod o= "+l.TLS.Key, "%v", err)
		return
	case err != nil:
		wrong.add(path+".tls", "", "%v", err)
		return
	}
	if doubt := certificate.Doubt(pair.Leaf, now); doubt != "" {
		doubtful.add(path+".tls.certificate", "", "%s", doubt)
	}
}

func (c *Config) checkChild(p *problems) {
	const path = "module.child.program"
	program, err := c.ModuleProgram()
	if err != nil {
		p.add(path, "", "%v", err)
		return
	}
	info, err := os.Stat(program)
	switch {
	case err != nil:
		p.add(path, "", "%v", err)
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
		p.add(path, "", "%s is no program", program)
	}
	checkWritable(p, path, program)
}

// ModuleProgram is the path of a child module's program.
func (c *Config) ModuleProgram() (string, error) {
	if c.Module.Child.Program != "" {
		return c.Module.Child.Program, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	name := "trent-hsm"
	if c.FIPS == FIPSStrict {
		name = "trent-hsm-fips"
	}
	return filepath.Join(filepath.Dir(self), name), nil
}

// checkSeparate finds out whether the service could unseal what the module
// does: by opening the key file, and by whose module it is.
func (c *Config) checkSeparate(p *problems) {
	if c.Unseal.SameUser {
		return
	}
	const hint = "run trent-hsm under a user of its own, whose alone the file is, or accept it with same_user: true"
	f, err := os.Open(c.Unseal.KeyFile)
	switch {
	case err == nil:
		f.Close()
		p.add("unseal.key_file", hint, "user %d, which this is, can open %s, the crypto module's key file", os.Geteuid(), c.Unseal.KeyFile)
	case errors.Is(err, fs.ErrNotExist):
		p.add("unseal.key_file", "trent-hsm init makes it, as the module's user", "there is no %s: that the service cannot open it would mean nothing", c.Unseal.KeyFile)
	case !errors.Is(err, fs.ErrPermission):
		p.add("unseal.key_file", "", "%v", err)
	}
	if info, err := os.Stat(filepath.Dir(c.Module.Socket)); err == nil && owner(info) == os.Geteuid() {
		p.add("module.socket", hint, "its folder belongs to user %d, which this is: the module runs as the service's user", os.Geteuid())
	}
}
