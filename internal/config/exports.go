package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"trent/internal/arn"
)

// Bounds of an export.
const (
	leastEvery      = 100 * time.Millisecond
	mostEvery       = time.Hour
	leastBatchBytes = 64 << 10
	mostBatchBytes  = 64 << 20
	defaultFacility = 13
	mostFacility    = 23
)

// paths are those that exports and encryption name, for complete.
func (a *Audit) paths() (all []*string) {
	if a.Encryption != nil {
		all = append(all, &a.Encryption.Recovery)
	}
	for i := range a.Exports {
		e := &a.Exports[i]
		all = append(all, &e.Folder)
		if e.Webhook != nil {
			all = append(all, &e.Webhook.SecretFile)
		}
		if e.S3 != nil {
			all = append(all, &e.S3.CredentialsFile)
		}
		if t := e.tls(); t != nil {
			all = append(all, &t.CA, &t.Certificate, &t.Key)
		}
	}
	return all
}

// places are the paths of an export, which must not be in the data folder.
func (e *Export) places(path string) []place {
	all := []place{{path + ".folder", e.Folder}}
	if e.Webhook != nil {
		all = append(all, place{path + ".webhook.secret_file", e.Webhook.SecretFile})
	}
	if e.S3 != nil {
		all = append(all, place{path + ".s3.credentials_file", e.S3.CredentialsFile})
	}
	if t := e.tls(); t != nil {
		all = append(all, place{path + "." + e.kind() + ".tls.key", t.Key})
	}
	return all
}

// kind is the key of the export's destination.
func (e *Export) kind() string {
	switch {
	case e.Syslog != nil:
		return "syslog"
	case e.Webhook != nil:
		return "webhook"
	case e.S3 != nil:
		return "s3"
	}
	return "folder"
}

func (e *Export) tls() *ClientTLS {
	switch {
	case e.Syslog != nil:
		return e.Syslog.TLS
	case e.Webhook != nil:
		return e.Webhook.TLS
	case e.S3 != nil:
		return e.S3.TLS
	}
	return nil
}

// complete fills in defaults.
func (e *Export) complete() {
	if e.From == "" {
		e.From = FromBeginning
	}
	if e.Format == "" {
		e.Format = FormatRecords
	}
	if e.Syslog != nil && e.Syslog.Facility == 0 {
		e.Syslog.Facility = defaultFacility
	}
}

func (c *Config) validateExports(p *problems) {
	names := map[string]bool{}
	for i := range c.Audit.Exports {
		e := &c.Audit.Exports[i]
		path := fmt.Sprintf("audit.exports[%d]", i)
		switch {
		case e.Name == "":
			p.add(path+".name", "", "is missing: the export's cursor has it")
		case !validName(e.Name):
			p.add(path+".name", "", "%q: want a-z, 0-9 and -, at most %d", e.Name, maxName)
		case names[e.Name]:
			p.add(path+".name", "", "%s stands twice", e.Name)
		}
		names[e.Name] = true
		e.validate(p, path)
		for j := range i {
			if overlap(e, &c.Audit.Exports[j], filepath.Clean) {
				p.refuseOverlap(e, path, j)
			}
		}
		if e.Syslog != nil && c.isOwnSocket(strings.TrimPrefix(e.Syslog.Address, "unix://")) {
			p.add(path+".syslog.address", "", "%s is a socket of Trent's own", e.Syslog.Address)
		}
	}
}

// isOwnSocket reports whether this configuration makes or uses a socket.
func (c *Config) isOwnSocket(path string) bool { return c.namesSocket(path, filepath.Clean) }

// namesSocket is isOwnSocket of paths as real has them.
func (c *Config) namesSocket(path string, real func(string) string) bool {
	own := []string{c.Admin.Socket, c.Module.Socket}
	for i := range c.Listeners {
		own = append(own, c.Listeners[i].Socket)
	}
	return slices.ContainsFunc(own, func(socket string) bool { return socket != "" && real(socket) == real(path) })
}

// overlap reports whether two exports write below one folder, or below one prefix
// of a bucket; real is what folders are compared as. Each would replace the other's
// digest files, and leave out its log files.
func overlap(a, b *Export, real func(string) string) bool {
	switch {
	case a.Folder != "" && b.Folder != "":
		one, other := real(a.Folder), real(b.Folder)
		return within(one, other) || within(other, one)
	case a.S3 != nil && b.S3 != nil:
		host := func(s *S3) string { return strings.ToLower(strings.TrimRight(s.Endpoint, "/")) }
		same := host(a.S3) == host(b.S3) && a.S3.Bucket == b.S3.Bucket
		return same && (strings.HasPrefix(a.S3.Prefix, b.S3.Prefix) || strings.HasPrefix(b.S3.Prefix, a.S3.Prefix))
	}
	return false
}

func (p *problems) refuseOverlap(e *Export, path string, other int) {
	p.add(path+"."+e.kind(), "give each a folder or prefix of its own", "audit.exports[%d] writes there too", other)
}

// checkExports is what validateExports looks at, for paths with symbolic links.
func (c *Config) checkExports(wrong, doubtful *problems) {
	for i := range c.Audit.Exports {
		e, path := &c.Audit.Exports[i], fmt.Sprintf("audit.exports[%d]", i)
		e.check(wrong, doubtful, path)
		for j := range i {
			if overlap(e, &c.Audit.Exports[j], resolve) {
				wrong.refuseOverlap(e, path, j)
			}
		}
		if e.Syslog == nil {
			continue
		}
		if socket, is := strings.CutPrefix(e.Syslog.Address, "unix://"); is && c.namesSocket(socket, resolve) {
			wrong.add(path+".syslog.address", "", "%s is a socket of Trent's own", e.Syslog.Address)
		}
	}
}

func (e *Export) validate(p *problems, path string) {
	destinations := 0
	for _, there := range [...]bool{e.Folder != "", e.Syslog != nil, e.Webhook != nil, e.S3 != nil} {
		if there {
			destinations++
		}
	}
	if destinations != 1 {
		p.add(path, "", "wants one of folder, syslog, webhook and s3")
		return
	}
	if e.From != FromBeginning && e.From != FromNow {
		p.add(path+".from", "", "%q: want beginning or now", e.From)
	}
	if files := e.Folder != "" || e.S3 != nil; e.Format != FormatRecords && e.Format != FormatEvents {
		p.add(path+".format", "", "%q: want records or events", e.Format)
	} else if files && e.Format == FormatEvents {
		p.add(path+".format", "use syslog or webhook", "there are no files of events")
	}
	if _, there := p.config.lines[path+".every"]; there && (e.Every < leastEvery || e.Every > mostEvery) {
		p.add(path+".every", "", "%v: want %v to %v", e.Every, leastEvery, mostEvery)
	} else if there && (e.Folder != "" || e.S3 != nil) {
		p.add(path+".every", "leave it out", "is for syslog and webhook: files follow the digests")
	}
	if _, there := p.config.lines[path+".max_bytes"]; there && (e.MaxBytes < leastBatchBytes || e.MaxBytes > mostBatchBytes) {
		p.add(path+".max_bytes", "", "%d: want %d to %d", e.MaxBytes, leastBatchBytes, mostBatchBytes)
	}
	switch {
	case e.Encrypt && e.Folder == "" && e.S3 == nil:
		p.add(path+".encrypt", "leave it out", "is for folder and s3")
	case e.Encrypt && p.config.Audit.Encryption == nil:
		p.add(path+".encrypt", "give audit.encryption a key", "there is nothing to encrypt with")
	}
	for i, text := range e.Allow {
		if !validAllow(text) {
			p.add(fmt.Sprintf("%s.allow[%d]", path, i), "", "%q: want a network such as 127.0.0.0/8, without bits behind its prefix, or an address with a port", text)
		}
	}
	switch {
	case e.Syslog != nil:
		e.Syslog.validate(p, path+".syslog")
	case e.Webhook != nil:
		e.Webhook.validate(p, path+".webhook")
	case e.S3 != nil:
		e.S3.validate(p, path+".s3")
	}
	if t := e.tls(); t != nil && (t.Certificate == "") != (t.Key == "") {
		p.add(path+"."+e.kind()+".tls", "", "wants both or none of certificate and key")
	}
}

// validAllow is what internal/export's ParseAllow takes.
func validAllow(text string) bool {
	if !strings.Contains(text, "/") {
		at, err := netip.ParseAddrPort(text)
		return err == nil && at.Addr().Zone() == ""
	}
	prefix, err := netip.ParsePrefix(text)
	return err == nil && prefix == prefix.Masked() && (!prefix.Addr().Is4In6() || prefix.Bits() >= 96)
}

func (s *Syslog) validate(p *problems, path string) {
	if s.Facility < 1 || s.Facility > mostFacility {
		p.add(path+".facility", "", "%d: want 1 to %d", s.Facility, mostFacility)
	}
	u, err := url.Parse(s.Address)
	switch {
	case err == nil && u.Scheme == "unix" && u.Host == "" && strings.HasPrefix(u.Path, "/") && u.RawQuery == "":
		validateSocket(p, path+".address", u.Path)
	case err != nil || u.Scheme != "tls" && u.Scheme != "tcp" || u.Hostname() == "" || u.Port() == "" || u.Path != "" || u.RawQuery != "" || u.User != nil:
		p.add(path+".address", "such as tls://logs.example.com:6514; there is no UDP, which loses records", "%q is no address of a collector", s.Address)
	case u.Scheme == "tcp" && !s.Plaintext && !loopback(u.Host):
		p.add(path+".address", "use tls, or say plaintext: true", "the network can read what goes to %s", s.Address)
	}
	if s.TLS != nil && !strings.HasPrefix(s.Address, "tls:") {
		p.add(path+".tls", "", "is for tls:// only")
	}
}

func (w *Webhook) validate(p *problems, path string) {
	validateURL(p, path+".url", w.URL, w.Plaintext, false)
	if w.SecretFile == "" {
		p.add(path+".secret_file", "", "is missing: a receiver must be able to tell who sends")
	}
}

func (s *S3) validate(p *problems, path string) {
	validateURL(p, path+".endpoint", s.Endpoint, s.Plaintext, true)
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-."
	if len(s.Bucket) < 3 || len(s.Bucket) > 63 || strings.Trim(s.Bucket, letters) != "" || strings.HasPrefix(s.Bucket, ".") {
		p.add(path+".bucket", "", "%q is no name of a bucket", s.Bucket)
	}
	if !arn.IsRegion(s.Region) {
		p.add(path+".region", "servers other than AWS mostly take us-east-1", "%q has not the form of a Region", s.Region)
	}
	if strings.Trim(s.Prefix, letters+"ABCDEFGHIJKLMNOPQRSTUVWXYZ_/") != "" || strings.HasPrefix(s.Prefix, "/") || strings.Contains(s.Prefix, "..") || strings.Contains(s.Prefix, "//") {
		p.add(path+".prefix", "", "%q: want a-z, A-Z, 0-9 and -_./, not a slash first", s.Prefix)
	}
	if s.CredentialsFile == "" {
		p.add(path+".credentials_file", "", "is missing: the access key")
	}
}

// validateURL never quotes the URL: its path may be secret.
func validateURL(p *problems, path, text string, plaintext, bare bool) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		p.add(path, "", "is missing: an https URL")
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		p.add(path, "", "is no https URL without a user and a fragment")
	case bare && (strings.Trim(u.Path, "/") != "" || u.RawQuery != ""):
		p.add(path, "", "wants a host alone: the bucket has a key of its own")
	case u.Scheme == "http" && !plaintext && !loopback(hostPort(u)):
		p.add(path, "use https, or say plaintext: true", "the network can read what goes to http://%s", u.Host)
	}
}

func hostPort(u *url.URL) string {
	if u.Port() == "" {
		return u.Host + ":80"
	}
	return u.Host
}

// check looks at the files that an export names.
func (e *Export) check(wrong, doubtful *problems, path string) {
	if e.Folder != "" {
		if info, err := os.Stat(e.Folder); err != nil {
			wrong.add(path+".folder", "make it: it is never made, so that a volume that is not mounted shows", "%v", err)
		} else if !info.IsDir() {
			wrong.add(path+".folder", "", "%s is not a folder", e.Folder)
		}
	}
	if e.Webhook != nil {
		checkPrivate(wrong, path+".webhook.secret_file", e.Webhook.SecretFile)
	}
	if e.S3 != nil {
		checkPrivate(wrong, path+".s3.credentials_file", e.S3.CredentialsFile)
	}
	if t := e.tls(); t != nil {
		checkPrivate(wrong, path+"."+e.kind()+".tls.key", t.Key)
	}
	if e.Syslog != nil && e.Syslog.Plaintext || e.Webhook != nil && e.Webhook.Plaintext || e.S3 != nil && e.S3.Plaintext {
		doubtful.add(path+"."+e.kind()+".plaintext", "", "the network can read the audit records of export %s", e.Name)
	}
}

// checkPrivate refuses a file with a secret that others can read.
func checkPrivate(p *problems, path, file string) {
	if file == "" {
		return
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		p.add(path, "", "%v", err)
	case !info.Mode().IsRegular():
		p.add(path, "", "%s is not a file", file)
	case info.Mode().Perm()&0o077 != 0:
		p.add(path, "chmod 0600 "+file, "%s has mode %04o: others can read it", file, info.Mode().Perm())
	case owner(info) != os.Geteuid() && owner(info) != 0:
		p.add(path, "", "%s belongs to user %d", file, owner(info))
	default:
		if err := syscall.Access(file, 4); err != nil {
			p.add(path, "run this as the service's user", "%s: %v", file, err)
		}
	}
}
