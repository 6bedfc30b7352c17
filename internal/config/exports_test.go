package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trent/internal/config"
)

// withExport is least with an export.
func withExport(export string) string {
	return least + "audit: {exports: [" + export + "]}\n"
}

// TestExports: each setting arrives where it belongs, with its default.
func TestExports(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("/etc/trent/trent.yaml", []byte(least+`audit:
  exports:
    - {name: a, folder: archive, max_bytes: 65536}
    - {name: b, from: now, every: 2m, allow: [10.0.0.0/8, "127.0.0.1:1"], syslog: {address: "tls://h:1", facility: 4, tls: {ca: ca, certificate: c, key: k}}}
    - {name: c, webhook: {url: "https://h/?x=y", secret_file: s}}
    - {name: d, s3: {endpoint: "https://h:1/", bucket: example, region: eu-west-1, prefix: a/b_, credentials_file: /c}}
    - {name: e, syslog: {address: "unix:///run/log"}}
    - {name: f, syslog: {address: "tcp://127.0.0.1:601"}}
    - {name: g, webhook: {url: "http://localhost", secret_file: s}}
    - {name: h, webhook: {url: "http://[::1]:80/x", secret_file: s}}
    - {name: i, syslog: {address: "tcp://h:601", plaintext: true}}
`))
	if err != nil {
		t.Fatal(err)
	}
	e := c.Audit.Exports
	if e[0].Folder != "/etc/trent/archive" || e[0].From != "beginning" || e[0].Every != 0 || e[0].MaxBytes != 65536 {
		t.Errorf("%+v", e[0])
	}
	if e[1].From != "now" || e[1].Every != 2*time.Minute || len(e[1].Allow) != 2 || e[1].Syslog.Facility != 4 || *e[1].Syslog.TLS != (config.ClientTLS{CA: "/etc/trent/ca", Certificate: "/etc/trent/c", Key: "/etc/trent/k"}) {
		t.Errorf("%+v", e[1])
	}
	if e[2].Webhook.SecretFile != "/etc/trent/s" || e[3].S3.CredentialsFile != "/c" || e[3].S3.Prefix != "a/b_" || e[4].Syslog.Facility != 13 {
		t.Errorf("%+v %+v %+v", e[2].Webhook, e[3].S3, e[4].Syslog)
	}
}

// s3 is an export's, without its end.
const s3 = "s3: {endpoint: 'https://h', bucket: example, region: eu-west-1, credentials_file: c"

// TestExportsBeside: exports that share nothing, and addresses of one machine.
func TestExportsBeside(t *testing.T) {
	t.Parallel()
	for _, both := range []string{
		"{name: a, folder: f}, {name: b, folder: fg}", "{name: a, " + s3 + ", prefix: x/}}, {name: b, " + s3 + ", prefix: y/}}",
		"{name: a, folder: f, allow: ['::ffff:127.0.0.0/104', '[::ffff:127.0.0.1]:9000', '::1/128']}",
	} {
		if _, err := config.Parse("/etc/trent/trent.yaml", []byte(withExport(both))); err != nil {
			t.Errorf("%s: %v", both, err)
		}
	}
}

// TestExportsRefused: what is wrong, and at which key.
func TestExportsRefused(t *testing.T) {
	t.Parallel()
	const hook, secretURL = "webhook: {url: 'https://h/', secret_file: s}", "SECRETTOKEN"
	for _, c := range []struct{ export, path, problem string }{
		{"{folder: f}", "name", "is missing"},
		{"{name: A, folder: f}", "name", `"A": want a-z`},
		{"{name: ../x, folder: f}", "name", `"../x": want a-z`},
		{"{name: a}", "", "wants one of"},
		{"{name: a, folder: f, " + hook + "}", "", "wants one of"},
		{"{name: a, folder: f, from: end}", "from", `"end": want beginning or now`},
		{"{name: a, " + hook + ", format: event}", "format", `"event": want records or events`},
		{"{name: a, folder: f, format: events}", "format", "there are no files of events"},
		{"{name: a, folder: f, every: 1s}", "every", "is for syslog and webhook"},
		{"{name: a, " + hook + ", every: 0s}", "every", "0s: want 100ms"},
		{"{name: a, " + hook + ", every: 2h}", "every", "2h0m0s: want"},
		{"{name: a, folder: f, max_bytes: 1}", "max_bytes", "1: want 65536"},
		{"{name: a, folder: f, max_bytes: 0}", "max_bytes", "0: want 65536"},
		{"{name: a, folder: f, max_bytes: 67108865}", "max_bytes", "67108865: want"},
		{"{name: a, folder: data/x}", "folder", "/etc/trent/data/x is in the data folder"},
		{"{name: a, " + hook + ", allow: [localhost]}", "allow[0]", `"localhost": want a network`},
		{"{name: a, " + hook + ", allow: [10.0.0.0/8, 10.0.0.1/8]}", "allow[1]", `"10.0.0.1/8": want a network`},
		{"{name: a, folder: f, encrypt: true}", "encrypt", "there is nothing to encrypt with"},
		{"{name: a, syslog: {address: 'udp://h:514'}}", "syslog.address", `"udp://h:514" is no address`},
		{"{name: a, syslog: {address: 'h:514'}}", "syslog.address", `"h:514" is no address`},
		{"{name: a, syslog: {address: 'tls://h'}}", "syslog.address", `"tls://h" is no address`},
		{"{name: a, syslog: {address: 'tcp://h:1'}}", "syslog.address", "the network can read"},
		{"{name: a, syslog: {address: 'unix://run/x'}}", "syslog.address", `"unix://run/x" is no address`},
		{"{name: a, syslog: {address: 'unix:///run/trent-hsm/socket'}}", "syslog.address", "unix:///run/trent-hsm/socket is a socket of Trent's own"},
		{"{name: a, syslog: {address: 'unix:///etc/trent/x/../data/admin.sock'}}", "syslog.address", "unix:///etc/trent/x/../data/admin.sock is a socket"},
		{"{name: a, syslog: {address: 'tls://h:1', facility: 24}}", "syslog.facility", "24: want"},
		{"{name: a, syslog: {address: 'unix:///x', tls: {ca: c}}}", "syslog.tls", "is for tls:// only"},
		{"{name: a, syslog: {address: 'tls://h:1', tls: {certificate: c}}}", "syslog.tls", "wants both or none"},
		{"{name: a, webhook: {url: 'https://h/'}}", "webhook.secret_file", "is missing"},
		{"{name: a, webhook: {secret_file: s}}", "webhook.url", "is missing"},
		{"{name: a, webhook: {url: 'http://h/SECRETTOKEN', secret_file: s}}", "webhook.url", "the network can read what goes to http://h"},
		{"{name: a, webhook: {url: 'ftp://h/SECRETTOKEN', secret_file: s}}", "webhook.url", "is no https URL"},
		{"{name: a, webhook: {url: 'https://user:SECRETTOKEN@h/', secret_file: s}}", "webhook.url", "is no https URL"},
		{"{name: a, webhook: {url: 'https://h/', secret_file: data/s}}", "webhook.secret_file", "/etc/trent/data/s is in the data folder"},
		{"{name: a, s3: {endpoint: 'https://h/bucket', bucket: example, region: eu-west-1, credentials_file: c}}", "s3.endpoint", "wants a host alone"},
		{"{name: a, s3: {endpoint: 'https://h', bucket: Ex, region: eu-west-1, credentials_file: c}}", "s3.bucket", `"Ex" is no name`},
		{"{name: a, s3: {endpoint: 'https://h', bucket: example, region: auto, credentials_file: c}}", "s3.region", `"auto" has not the form`},
		{"{name: a, s3: {endpoint: 'https://h', bucket: example, region: eu-west-1, prefix: a/../b, credentials_file: c}}", "s3.prefix", `"a/../b": want`},
		{"{name: a, s3: {endpoint: 'https://h', bucket: example, region: eu-west-1, prefix: /a, credentials_file: c}}", "s3.prefix", `"/a": want`},
		{"{name: a, s3: {endpoint: 'https://h', bucket: example, region: eu-west-1}}", "s3.credentials_file", "is missing"},
		{"{name: a, folder: f}, {name: a, folder: g}", "name", "a stands twice"},
		{"{name: a, folder: f}, {name: b, folder: g/../f/}", "folder", "audit.exports[0] writes there too"},
		{"{name: a, folder: f}, {name: b, folder: f/g}", "folder", "audit.exports[0] writes there too"},
		{"{name: a, " + s3 + "}}, {name: b, " + s3 + "}}", "s3", "audit.exports[0] writes there too"},
		{"{name: a, " + s3 + ", prefix: x/}}, {name: b, " + s3 + ", prefix: x/y/}}", "s3", "audit.exports[0] writes there too"},
		{"{name: a, folder: f, allow: ['::ffff:0.0.0.0/80']}", "allow[0]", ""},
		{"{name: a, folder: f, allow: ['[fe80::1%eth0]:443']}", "allow[0]", ""},
	} {
		_, err := config.Parse("/etc/trent/trent.yaml", []byte(withExport(c.export)))
		list, ok := errors.AsType[config.Errors](err)
		if !ok || len(list) != 1 {
			t.Errorf("%s: %v", c.export, err)
			continue
		}
		_, key, _ := strings.Cut(list[0].Path, "]")
		if strings.TrimPrefix(key, ".") != c.path || !strings.HasPrefix(list[0].Problem, c.problem) || strings.Contains(err.Error(), secretURL) {
			t.Errorf("%s: %v", c.export, err)
		}
	}
}

// TestExportFiles: files with secrets are the user's alone, and a folder is there.
func TestExportFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, mode := range map[string]os.FileMode{"private": 0o600, "group": 0o640} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range [][2]string{{"real", "link"}, {filepath.Join("data", "admin.sock"), "collector"}} {
		if err := os.Symlink(filepath.Join(folder, link[0]), filepath.Join(folder, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(folder, "real"), 0o700), os.Mkdir(filepath.Join(folder, "data"), 0o700),
		os.WriteFile(filepath.Join(folder, "data", "admin.sock"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for export, want := range map[string]string{
		"{name: a, folder: real}, {name: b, folder: link}":                "audit.exports[0] writes there too",
		"{name: a, syslog: {address: 'unix://" + folder + "/collector'}}": "is a socket of Trent's own",
		"{name: a, folder: .}":       "",
		"{name: a, folder: none}":    "folder: stat",
		"{name: a, folder: private}": "private is not a folder",
		"{name: a, webhook: {url: 'https://h/', secret_file: private}}":                                       "",
		"{name: a, webhook: {url: 'https://h/', secret_file: group}}":                                         "others can read it",
		"{name: a, webhook: {url: 'https://h/', secret_file: none}}":                                          "webhook.secret_file: stat",
		"{name: a, syslog: {address: 'tls://h:1', tls: {certificate: c, key: group}}}":                        "others can read it",
		"{name: a, s3: {endpoint: 'https://h', bucket: example, region: eu-west-1, credentials_file: group}}": "others can read it",
		"{name: a, s3: {endpoint: 'https://h', bucket: example, region: eu-west-1, credentials_file: .}}":     "is not a file",
	} {
		c, err := config.Parse(filepath.Join(folder, "trent.yaml"), []byte(withExport(export)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Check(time.Now())
		found := ""
		if list, ok := errors.AsType[config.Errors](err); ok {
			for _, e := range list {
				if strings.HasPrefix(e.Path, "audit.exports") {
					found += e.Error()
				}
			}
		}
		if (want == "") != (found == "") || !strings.Contains(found, want) {
			t.Errorf("%s: %q, want %q", export, found, want)
		}
	}
}
