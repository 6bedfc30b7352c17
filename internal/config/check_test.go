package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trent/internal/certificate/certtest"
	"trent/internal/config"
)

// checked is a configuration whose files are all as they should be, for a
// module that is a child.
const checked = `data: data
regions: [eu-west-1]
listeners:
  - {name: a, address: "127.0.0.1:0", tls: {certificate: server.pem, key: server.key}}
  - {name: b, socket: kms.sock}
module: {child: {program: hsm, key_file: key}}
unseal: {same_user: true}
`

// separate is one for a module at a socket.
const separate = `data: data
regions: [eu-west-1]
listeners:
  - {name: b, socket: kms.sock}
module: {socket: run/hsm}
unseal: {key_file: key}
`

func TestCheck(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	write := func(name string, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte("text"), mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	folder := func(name string, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, name), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	certificate := func(until time.Time) func(*testing.T, string) {
		return func(t *testing.T, dir string) { certtest.New(t, 2, until).Write(t, dir) }
	}
	chmod := func(name string, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	sockets := func(mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			folder("all", 0o700)(t, dir)
			folder("all/own", 0o700)(t, dir)
			chmod("all", mode)(t, dir)
		}
	}
	link := func(to, name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	nothing := func(*testing.T, string) {}
	endpoint := strings.Replace(checked, "socket: kms.sock", "socket: kms.sock, endpoint: {policy: endpoint.json, vpce: vpce-1}", 1)
	endpointPolicy := func(text string, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			write("endpoint.json", mode)(t, dir)
			if err := os.WriteFile(filepath.Join(dir, "endpoint.json"), []byte(text), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	const full = `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`
	// A path, a colon and the beginning of what is wrong; none if nothing is.
	for name, c := range map[string]struct {
		text          string
		change        func(*testing.T, string)
		wrong, warned string
	}{
		"an endpoint":                   {endpoint, endpointPolicy(full, 0o644), "", "unseal.same_user: "},
		"no endpoint policy":            {endpoint, nothing, "listeners[1].endpoint.policy: open ", "unseal.same_user: "},
		"an endpoint policy of nobody":  {endpoint, endpointPolicy(strings.Replace(full, `"Principal":"*",`, "", 1), 0o644), "listeners[1].endpoint.policy: ", "unseal.same_user: "},
		"an endpoint policy of all":     {endpoint, endpointPolicy(full, 0o666), "listeners[1].endpoint.policy: ", "unseal.same_user: "},
		"an endpoint policy too long":   {endpoint, endpointPolicy(full+strings.Repeat(" ", 20_481-len(full)), 0o644), "listeners[1].endpoint.policy: ", "unseal.same_user: "},
		"the longest endpoint policy":   {endpoint, endpointPolicy(full+strings.Repeat(" ", 20_480-len(full)), 0o644), "", "unseal.same_user: "},
		"all is well":                   {checked, nothing, "", "unseal.same_user: whoever takes over"},
		"a data folder":                 {checked, folder("data", 0o700), "", "unseal.same_user: "},
		"a data folder that others see": {checked, folder("data", 0o755), "data: ", "unseal.same_user: "},
		"no folder":                     {checked, write("data", 0o600), "data: ", "unseal.same_user: "},
		"no certificate":                {checked, remove("server.pem"), "listeners[0].tls: open ", "unseal.same_user: "},
		"no certificate's key":          {checked, remove("server.key"), "listeners[0].tls: open ", "unseal.same_user: "},
		"another key":                   {checked, write("server.key", 0o600), "listeners[0].tls: certificate ", "unseal.same_user: "},
		"certificate has ended":         {checked, certificate(now.Add(-time.Second)), "", "listeners[0].tls.certificate: has not been valid since 2026-12-31T23:59:59Z"},
		"certificate ends":              {checked, certificate(now.Add(13 * day)), "", "listeners[0].tls.certificate: ends on 2027-01-14T00:00:00Z"},
		"certificate to come":           {checked, certificate(now.Add(31 * day)), "", "listeners[0].tls.certificate: is not valid before 2027-01-02T00:00:00Z"},
		"no program":                    {checked, remove("hsm"), "module.child.program: stat ", "unseal.same_user: "},
		"a program that does not run":   {checked, write("hsm", 0o600), "module.child.program: ", "unseal.same_user: "},
		"plain HTTP": {strings.Replace(checked, `"127.0.0.1:0", tls: {certificate: server.pem, key: server.key}`, `":0", plaintext: true`, 1),
			nothing, "", "listeners[0].plaintext: what is encrypted"},
		"metrics for everybody":         {checked + "metrics: {address: \":9464\"}\n", nothing, "", "metrics.address: who reaches :9464 sees the metrics"},
		"metrics for this machine":      {separate + "metrics: {address: \"127.0.0.1:9464\"}\n", write("key", 0o600), "unseal.key_file: user ", ""},
		"a socket without a folder":     {strings.Replace(checked, "kms.sock", "none/kms.sock", 1), nothing, "listeners[1].socket: its folder: ", "unseal.same_user: "},
		"a socket where all write":      {checked, chmod(".", 0o777), "listeners[1].socket: ", "unseal.same_user: "},
		"a socket where a group writes": {checked, chmod(".", 0o770), "listeners[1].socket: ", "unseal.same_user: "},
		"one among everybody's":         {checked, chmod(".", 0o777|os.ModeSticky), "listeners[1].socket: ", "unseal.same_user: "},
		"a folder that all can replace": {strings.Replace(checked, "kms.sock", "all/own/kms.sock", 1), sockets(0o777), "listeners[1].socket: ", "unseal.same_user: "},
		"a folder that its owner can":   {strings.Replace(checked, "kms.sock", "all/own/kms.sock", 1), sockets(0o777 | os.ModeSticky), "", "unseal.same_user: "},
		"a folder of another user": {strings.Replace(checked, "kms.sock", "all/own/kms.sock", 1), func(t *testing.T, dir string) {
			if os.Geteuid() != 0 {
				t.Skip("only root can give folders away")
			}
			sockets(0o700)(t, dir)
			if err := os.Chown(filepath.Join(dir, "all"), 12345, -1); err != nil {
				t.Fatal(err)
			}
		}, "listeners[1].socket: ", "unseal.same_user: "},
		"a folder behind a link": {strings.Replace(checked, "kms.sock", "link/kms.sock", 1), func(t *testing.T, dir string) {
			sockets(0o777)(t, dir)
			link("all/own", "link")(t, dir)
		}, "listeners[1].socket: ", "unseal.same_user: "},
		"an admin socket where all write": {checked + "admin: {socket: all/admin}\n", sockets(0o777), "admin.socket: ", "unseal.same_user: "},
		"a key file in the data by a link": {strings.Replace(checked, "key_file: key", "key_file: link/module/key", 1), func(t *testing.T, dir string) {
			folder("data", 0o700)(t, dir)
			link("data", "link")(t, dir)
		}, "module.child.key_file: ", "unseal.same_user: "},
		"a configuration that all change": {checked, write("trent.yaml", 0o666), ": ", "unseal.same_user: "},
		"a program that all change":       {checked, write("hsm", 0o757), "module.child.program: ", "unseal.same_user: "},
		"a socket in a file":              {strings.Replace(checked, "kms.sock", "hsm/kms.sock", 1), nothing, "listeners[1].socket: ", "unseal.same_user: "},
		"an admin socket nowhere":         {checked + "admin: {socket: none/admin}\n", nothing, "admin.socket: its folder: ", "unseal.same_user: "},
		"a key file that can be opened":   {separate, write("key", 0o600), "unseal.key_file: user ", ""},
		"no key file":                     {separate, nothing, "unseal.key_file: there is no ", ""},
		"a module of the same user": {separate, func(t *testing.T, dir string) {
			write("key", 0o600)(t, dir)
			folder("run", 0o700)(t, dir)
		}, "module.socket: its folder belongs to user ", ""},
		"the same, accepted": {strings.Replace(separate, "key_file: key", "key_file: key, same_user: true", 1), func(t *testing.T, dir string) {
			write("key", 0o600)(t, dir)
			folder("run", 0o700)(t, dir)
		}, "", "unseal.same_user: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			chmod(".", 0o755)(t, dir) // whatever the umask
			certtest.New(t, 1, now.Add(20*day)).Write(t, dir)
			write("hsm", 0o755)(t, dir)
			c.change(t, dir)
			conf, err := config.Parse(filepath.Join(dir, "trent.yaml"), []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			warnings, err := conf.Check(now)
			found, _ := errors.AsType[config.Errors](err)
			if (err == nil) != (c.wrong == "") || !has(found, c.wrong) || !has(warnings, c.warned) {
				t.Errorf("errors %v\nwarnings %v", err, warnings)
			}
		})
	}
}

// has reports whether one of errors has a path and the beginning of a problem;
// of "" that there is none.
func has(found config.Errors, want string) bool {
	for _, e := range found {
		if want != "" && strings.HasPrefix(e.Path+": "+e.Problem, want) {
			return true
		}
	}
	return want == "" && len(found) == 0
}

func TestKeyThatEverybodyReads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, key := certtest.New(t, 1, time.Now().Add(time.Hour)).Write(t, dir)
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o640: true, 0o440: true, 0o604: false, 0o602: false} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		conf, err := config.Parse(filepath.Join(dir, "trent.yaml"), []byte(strings.Replace(checked, "program: hsm, ", "program: /proc/self/exe, ", 1)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conf.Check(time.Now()); (err == nil) != ok {
			t.Errorf("%04o: %v", mode, err)
		}
	}
}
