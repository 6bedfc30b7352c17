package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"trent/internal/config"
	"trent/internal/quota"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

// least is a configuration with nothing that can be left out.
const least = `data: data
regions: [eu-west-1]
listeners:
  - name: local
    address: 127.0.0.1:8080
module:
  socket: /run/trent-hsm/socket
unseal:
  key_file: /var/lib/trent-hsm/key
`

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("/etc/trent/trent.yaml", []byte(least))
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != "/etc/trent/data" || c.Partition != "aws" || c.Audit.Durability != "strict" || c.DomainRotation != 24*time.Hour ||
		c.Audit.StallTimeout != 10*time.Second || c.Disk != (config.Disk{WarnPercent: 10, WarnBefore: time.Hour}) ||
		c.Log.Level != "info" || c.Log.Format != "json" || c.Log.Requests != "all" || c.Metrics.Address != "" ||
		c.Admin.Socket != "/etc/trent/data/admin.sock" || c.Listeners[0].Mode != 0o600 || c.Unseal.SameUser {
		t.Errorf("%+v", c)
	}
}

// TestSettings: each setting arrives where it belongs.
func TestSettings(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("/etc/trent/trent.yaml", []byte(`
data: /srv/trent
partition: aws-us-gov
regions: [us-gov-west-1, us-gov-east-1]
listeners:
  - {name: a, address: "[::]:443", tls: {certificate: tls/c.pem, key: /k.pem}, http2: true}
  - {name: b, socket: kms.sock, mode: 0666}
  - {name: c, address: ":80", plaintext: true}
disk: {warn_percent: 0, warn_before: 2h}
audit: {stall_timeout: 5s, durability: relaxed}
module: {child: {program: /usr/bin/trent-hsm, key_file: key}}
unseal: {same_user: true}
domain_rotation: 90m
quotas: {keys: 1, aliases_per_key: 2, tags_per_key: 3, key_policy_bytes: 4, grants_per_key: 5}
log: {level: debug, format: text, requests: errors}
metrics: {address: ":9464"}
admin: {socket: /run/trent/admin.sock, users: [1001, 1002]}
`))
	if err != nil {
		t.Fatal(err)
	}
	a, b := c.Listeners[0], c.Listeners[1]
	if c.Data != "/srv/trent" || c.Partition != "aws-us-gov" || len(c.Regions) != 2 || !a.HTTP2 || a.TLS.Certificate != "/etc/trent/tls/c.pem" ||
		a.TLS.Key != "/k.pem" || b.Socket != "/etc/trent/kms.sock" || b.Mode != 0o666 || c.Audit.Durability != "relaxed" ||
		c.Module.Child.KeyFile != "/etc/trent/key" || c.Module.Child.Program != "/usr/bin/trent-hsm" || !c.Unseal.SameUser ||
		c.Audit.StallTimeout != 5*time.Second || c.Disk != (config.Disk{WarnBefore: 2 * time.Hour}) || c.DomainRotation != 90*time.Minute || c.Log != (config.Log{Level: "debug", Format: "text", Requests: "errors"}) ||
		c.Quotas.Limits() != (quota.Limits{Keys: 1, AliasesPerKey: 2, TagsPerKey: 3, KeyPolicyBytes: 4, GrantsPerKey: 5}) || c.Metrics.Address != ":9464" || c.Admin.Socket != "/run/trent/admin.sock" || !slices.Equal(c.Admin.UserIDs(), []uint32{1001, 1002}) {
		t.Errorf("%+v", c)
	}
}

// problem is what an error names.
type problem struct {
	line          int
	path, problem string // the problem's beginning
}

// TestRefused: what is wrong, with the line and the key that it is wrong at.
func TestRefused(t *testing.T) {
	t.Parallel()
	const tlsListener = "listeners:\n  - name: local\n    address: 127.0.0.1:8080\n"
	for name, c := range map[string]struct {
		old, new string // a change of least
		want     problem
	}{
		"an endpoint of nothing":   {"127.0.0.1:8080", "127.0.0.1:8080\n    endpoint: {}", problem{6, "listeners[0].endpoint", "wants a policy, or a vpce"}},
		"a VPC without its end":    {"127.0.0.1:8080", "127.0.0.1:8080\n    endpoint: {policy: p, vpc: vpc-1}", problem{6, "listeners[0].endpoint.vpce", "is missing"}},
		"no VPC endpoint":          {"127.0.0.1:8080", "127.0.0.1:8080\n    endpoint: {vpce: vpc-1}", problem{6, "listeners[0].endpoint.vpce", `"vpc-1": want vpce-`}},
		"no VPC":                   {"127.0.0.1:8080", "127.0.0.1:8080\n    endpoint: {vpce: vpce-1, vpc: vpc-A}", problem{6, "listeners[0].endpoint.vpc", `"vpc-A": want vpc-`}},
		"an endpoint in the data":  {"127.0.0.1:8080", "127.0.0.1:8080\n    endpoint: {policy: data/p}", problem{6, "listeners[0].endpoint.policy", "/etc/trent/data/p is in the data folder"}},
		"unknown key":              {"data: data", "data: data\ndate: data", problem{2, "date", "unknown key"}},
		"unknown key below":        {"    address: 127.0.0.1:8080", "    adress: 127.0.0.1:8080", problem{5, "listeners[0].adress", "unknown key"}},
		"key of another case":      {"data: data", "Data: data", problem{1, "Data", "unknown key"}},
		"duplicate key":            {"regions: [eu-west-1]", "data: other\nregions: [eu-west-1]", problem{2, "data", "stands twice, for the first time in line 1"}},
		"duplicate key below":      {"    address: 127.0.0.1:8080", "    name: other", problem{5, "listeners[0].name", "stands twice, for the first time in line 4"}},
		"wrong type":               {"data: data", "data: [data]", problem{1, "data", "cannot unmarshal !!seq: want text"}},
		"no boolean":               {"127.0.0.1:8080", "127.0.0.1:8080\n    http2: maybe", problem{6, "listeners[0].http2", "cannot unmarshal !!str `maybe`: want true or false"}},
		"requests":                 {"data: data", "data: data\nlog: {requests: some}", problem{2, "log.requests", `"some": want all, errors or none`}},
		"no list":                  {"[eu-west-1]", "eu-west-1", problem{2, "regions", "cannot unmarshal !!str `eu-west-1`: want a list"}},
		"no time to wait":          {"data: data", "data: data\naudit: {stall_timeout: 0s}", problem{2, "audit.stall_timeout", "0s: want 100ms to 1m0s"}},
		"warns always":             {"data: data", "data: data\ndisk: {warn_percent: 51}", problem{2, "disk.warn_percent", "51: want 0 to 50"}},
		"warns of years":           {"data: data", "data: data\ndisk: {warn_before: 1000h}", problem{2, "disk.warn_before", "1000h0m0s: want 0s to 168h0m0s"}},
		"no duration":              {"data: data", "data: data\ndomain_rotation: daily", problem{2, "domain_rotation", "cannot unmarshal !!str `daily`: want a duration such as 24h"}},
		"duration without a unit":  {"data: data", "data: data\ndomain_rotation: 24", problem{2, "domain_rotation", "cannot unmarshal !!int `24`: want a duration such as 24h"}},
		"no rotation":              {"data: data", "data: data\ndomain_rotation: 0s", problem{2, "domain_rotation", "0s is less than"}},
		"not YAML":                 {"data: data", "data: 'data", problem{10, "", "found unexpected"}},
		"two documents":            {"data: data", "data: data\n---\na: b", problem{0, "", "has more than one document"}},
		"no audit key":             {"data: data", "data: data\naudit: {encryption: {recovery: r}}", problem{2, "audit.encryption.key", "is missing"}},
		"no audit key's ARN":       {"data: data", "data: data\naudit: {encryption: {key: alias/audit, recovery: r}}", problem{2, "audit.encryption.key", `"alias/audit" is no ARN`}},
		"another Region's key":     {"data: data", "data: data\naudit: {encryption: {key: \"arn:aws:kms:us-east-1:111122223333:alias/a\", recovery: r}}", problem{2, "audit.encryption.key", "arn:aws:kms:us-east-1:111122223333:alias/a is of no Region"}},
		"another partition's key":  {"data: data", "data: data\naudit: {encryption: {key: \"arn:aws-cn:kms:eu-west-1:111122223333:alias/a\", recovery: r}}", problem{2, "audit.encryption.key", "arn:aws-cn:kms:eu-west-1:111122223333:alias/a is of no Region"}},
		"no recovery key":          {"data: data", "data: data\naudit: {encryption: {key: \"arn:aws:kms:eu-west-1:111122223333:alias/a\"}}", problem{2, "audit.encryption.recovery", "is missing"}},
		"recovery in the data":     {"data: data", "data: data\naudit: {encryption: {key: \"arn:aws:kms:eu-west-1:111122223333:alias/a\", recovery: data/r}}", problem{2, "audit.encryption.recovery", "/etc/trent/data/r is in the data folder"}},
		"encrypt with nothing":     {"data: data", "data: data\naudit: {exports: [{name: a, folder: /f, encrypt: true}]}", problem{2, "audit.exports[0].encrypt", "there is nothing to encrypt with"}},
		"encrypt for a collector":  {"data: data", "data: data\naudit: {exports: [{name: a, syslog: {address: \"tls://l:6514\"}, encrypt: true}]}", problem{2, "audit.exports[0].encrypt", "is for folder and s3"}},
		"no data":                  {"data: data\n", "", problem{0, "data", "is missing"}},
		"partition":                {"data: data", "data: data\npartition: amazon", problem{2, "partition", `"amazon" is no partition`}},
		"admin users, by name":     {"data: data", "data: data\nadmin: {socket: /run/a, users: [alice]}", problem{2, "admin.users[0]", ""}},
		"admin user, fraction":     {"data: data", "data: data\nadmin: {socket: /run/a, users: [1000.9]}", problem{2, "admin.users[0]", `"1000.9": want the number of a user`}},
		"admin user, octal":        {"data: data", "data: data\nadmin: {socket: /run/a, users: [1000, 0100]}", problem{2, "admin.users[1]", `"0100": want the number of a user`}},
		"admin user, hexadecimal":  {"data: data", "data: data\nadmin: {socket: /run/a, users: [0x10]}", problem{2, "admin.users[0]", `"0x10": want the number of a user`}},
		"admin user, signed":       {"data: data", "data: data\nadmin: {socket: /run/a, users: [+1]}", problem{2, "admin.users[0]", `"+1": want the number of a user`}},
		"admin user, nobody":       {"data: data", "data: data\nadmin: {socket: /run/a, users: [4294967295]}", problem{2, "admin.users[0]", `"4294967295": want the number of a user`}},
		"admin user, too large":    {"data: data", "data: data\nadmin: {socket: /run/a, users: [4294967296]}", problem{2, "admin.users[0]", `"4294967296": want the number of a user`}},
		"admin users, no list":     {"data: data", "data: data\nadmin: {socket: /run/a, users: 1000}", problem{2, "admin.users", "cannot unmarshal !!int `1000`: want a list"}},
		"admin users, same folder": {"data: data", "data: /d/\nadmin: {socket: /d/./a, users: [1001]}", problem{2, "admin.users", "cannot reach the socket in the data folder"}},
		"admin users, data folder": {"data: data", "data: data\nadmin: {users: [1001]}", problem{2, "admin.users", "cannot reach the socket in the data folder"}},
		"no Regions":               {"regions: [eu-west-1]", "regions: []", problem{2, "regions", "is missing"}},
		"no Region's form":         {"[eu-west-1]", "[eu-west-1, global]", problem{2, "regions[1]", `"global" has not the form`}},
		"Region twice":             {"[eu-west-1]", "[eu-west-1, eu-west-1]", problem{2, "regions[1]", "eu-west-1 stands twice"}},
		"no listeners":             {tlsListener, "listeners: []\n", problem{3, "listeners", "is missing"}},
		"no name":                  {"- name: local\n    address", "- address", problem{4, "listeners[0].name", "is missing"}},
		"name":                     {"name: local", "name: Öffentlich", problem{4, "listeners[0].name", "\"Öffentlich\": want a-z"}},
		"name twice":               {tlsListener, tlsListener + "  - {name: local, socket: s}\n", problem{6, "listeners[1].name", "local stands twice"}},
		"address twice":            {tlsListener, tlsListener + "  - {name: b, address: 127.0.0.1:8080}\n", problem{6, "listeners[1]", "127.0.0.1:8080 stands twice"}},
		"the admin socket":         {tlsListener, tlsListener + "  - {name: b, socket: /run/a}\nadmin: {socket: /run/a}\n", problem{6, "listeners[1]", "/run/a stands twice"}},
		"the module's socket":      {tlsListener, tlsListener + "  - {name: b, socket: /run/trent-hsm/socket}\n", problem{6, "listeners[1]", "/run/trent-hsm/socket stands twice"}},
		"the same by another path": {tlsListener, tlsListener + "  - {name: b, socket: /p/./x}\n  - {name: c, socket: /p/x}\n", problem{7, "listeners[2]", "/p/x stands twice"}},
		"the metrics' address":     {"data: data", "data: data\nmetrics: {address: 127.0.0.1:8080}", problem{5, "listeners[0]", "127.0.0.1:8080 stands twice"}},
		"a socket in the data":     {tlsListener, tlsListener + "  - {name: b, socket: data/run/kms}\n", problem{6, "listeners[1].socket", "/etc/trent/data/run/kms is in the data folder"}},
		"the certificate's key":    {"127.0.0.1:8080", "127.0.0.1:80\n    tls: {certificate: c, key: data/k}", problem{6, "listeners[0].tls.key", "/etc/trent/data/k is in the data folder"}},
		"the module's key file":    {"/var/lib/trent-hsm/key", "data/../data//key", problem{9, "unseal.key_file", "/etc/trent/data/key is in the data folder"}},
		"the child's key file":     {"  socket: /run/trent-hsm/socket\nunseal:\n  key_file: /var/lib/trent-hsm/key", "  child: {key_file: data/module/key}\nunseal: {same_user: true}", problem{7, "module.child.key_file", "/etc/trent/data/module/key is in the data folder"}},
		"no place":                 {"    address: 127.0.0.1:8080\n", "", problem{4, "listeners[0]", "wants one of"}},
		"two places":               {"    address: 127.0.0.1:8080", "    address: 127.0.0.1:8080\n    socket: s", problem{4, "listeners[0]", "wants one of"}},
		"no port":                  {"127.0.0.1:8080", "127.0.0.1", problem{5, "listeners[0].address", `"127.0.0.1" is no address`}},
		"plain beyond loopback":    {"127.0.0.1:8080", "0.0.0.0:8080", problem{4, "listeners[0].tls", "is missing: 0.0.0.0:8080 can be reached"}},
		"plain on every address":   {"127.0.0.1:8080", ":8080", problem{4, "listeners[0].tls", "is missing"}},
		"plain on a name":          {"127.0.0.1:8080", "localhost.example:80", problem{4, "listeners[0].tls", "is missing"}},
		"plain and TLS":            {"127.0.0.1:8080", "0.0.0.0:80\n    plaintext: true\n    tls: {certificate: c, key: k}", problem{6, "listeners[0].plaintext", "contradicts tls"}},
		"plain socket":             {"address: 127.0.0.1:8080", "socket: s\n    plaintext: true", problem{6, "listeners[0].plaintext", "a Unix socket needs no"}},
		"mode of an address":       {"127.0.0.1:8080", "127.0.0.1:80\n    mode: 0600", problem{6, "listeners[0].mode", "is for a socket only"}},
		"no mode":                  {"address: 127.0.0.1:8080", "socket: s\n    mode: rw", problem{6, "listeners[0].mode", `"rw": want octal digits`}},
		"mode with more bits":      {"address: 127.0.0.1:8080", "socket: s\n    mode: 04755", problem{6, "listeners[0].mode", `"04755": want octal digits`}},
		"long socket":              {"address: 127.0.0.1:8080", "socket: /" + strings.Repeat("s", 107), problem{5, "listeners[0].socket", "/s"}},
		"no certificate":           {"127.0.0.1:8080", "127.0.0.1:80\n    tls: {key: k}", problem{6, "listeners[0].tls.certificate", "is missing"}},
		"no key":                   {"127.0.0.1:8080", "127.0.0.1:80\n    tls: {certificate: c}", problem{6, "listeners[0].tls.key", "is missing"}},
		"durability":               {"data: data", "data: data\naudit: {durability: nowait}", problem{2, "audit.durability", `"nowait": want strict or relaxed`}},
		"no quota":                 {"data: data", "data: data\nquotas: {keys: 0}", problem{2, "quotas.keys", "0 would be"}},
		"negative quota":           {"data: data", "data: data\nquotas: {tags_per_key: -1}", problem{2, "quotas.tags_per_key", "quota: -1 tags"}},
		"impossible quota":         {"data: data", "data: data\nquotas: {aliases_per_key: 10001}", problem{2, "quotas.aliases_per_key", "quota: 10001 aliases"}},
		"unknown request quotas":   {"data: data", "data: data\nquotas: {requests: on}", problem{2, "quotas.requests", `"on": want off, aws or custom`}},
		"custom and no numbers":    {"data: data", "data: data\nquotas: {requests: custom}", problem{2, "quotas.requests_per_second", "is missing"}},
		"numbers without custom":   {"data: data", "data: data\nquotas: {requests: aws, requests_per_second: {CreateKey: 1}}", problem{2, "quotas.requests_per_second", "has no effect"}},
		"numbers alone":            {"data: data", "data: data\nquotas:\n  requests_per_second: {CreateKey: 1}", problem{3, "quotas.requests_per_second", "has no effect: quotas.requests is off"}},
		"no class":                 {"data: data", "data: data\nquotas: {requests: custom, requests_per_second: {Encrypt: 1}}", problem{2, "quotas.requests_per_second.Encrypt", "Encrypt shares its quota"}},
		"no requests at all":       {"data: data", "data: data\nquotas: {requests: custom, requests_per_second: {CreateKey: 0}}", problem{2, "quotas.requests_per_second.CreateKey", "0 requests a second: 1 to 1000000"}},
		"a class twice":            {"data: data", "data: data\nquotas:\n  requests: custom\n  requests_per_second:\n    CreateKey: 1\n    CreateKey: 2", problem{6, "quotas.requests_per_second.CreateKey", "stands twice"}},
		"a fraction of a request":  {"data: data", "data: data\nquotas: {requests: custom, requests_per_second: {CreateKey: 0.5}}", problem{2, "quotas.requests_per_second.CreateKey", `"0.5": want a number`}},
		"quota in octal":           {"data: data", "data: data\nquotas: {keys: 010}", problem{2, "quotas.keys", `"010": want a number`}},
		"fraction of a quota":      {"data: data", "data: data\nquotas: {key_policy_bytes: 1.5}", problem{2, "quotas.key_policy_bytes", `"1.5": want a number`}},
		"level":                    {"data: data", "data: data\nlog: {level: verbose}", problem{2, "log.level", `"verbose": want`}},
		"format":                   {"data: data", "data: data\nlog: {format: xml}", problem{2, "log.format", `"xml": want json or text`}},
		"metrics":                  {"data: data", "data: data\nmetrics: {address: localhost}", problem{2, "metrics.address", `"localhost" is no address`}},
		"no module":                {"module:\n  socket: /run/trent-hsm/socket\n", "", problem{0, "module", "wants one of"}},
		"two modules":              {"module:", "module:\n  child: {key_file: k}", problem{6, "module", "has both"}},
		"child without key file":   {"  socket: /run/trent-hsm/socket\nunseal:\n  key_file: /var/lib/trent-hsm/key", "  child: {}\nunseal: {same_user: true}", problem{7, "module.child.key_file", "is missing"}},
		"child of another user":    {"  socket: /run/trent-hsm/socket\nunseal:\n  key_file: /var/lib/trent-hsm/key", "  child: {key_file: k}", problem{0, "unseal.same_user", "must be true with module.child"}},
		"child with two key files": {"  socket: /run/trent-hsm/socket\nunseal:", "  child: {key_file: k}\nunseal:\n  same_user: true", problem{10, "unseal.key_file", "is for a module at a socket"}},
		"no key file":              {"unseal:\n  key_file: /var/lib/trent-hsm/key\n", "", problem{0, "unseal.key_file", "is missing"}},
	} {
		text := strings.Replace(least, c.old, c.new, 1)
		if text == least {
			t.Errorf("%s changes nothing", name)
		}
		_, err := config.Parse("/etc/trent/trent.yaml", []byte(text))
		found, ok := errors.AsType[config.Errors](err)
		if !ok || len(found) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e := found[0]
		if e.File != "/etc/trent/trent.yaml" || e.Line != c.want.line || e.Path != c.want.path || !strings.HasPrefix(e.Problem, c.want.problem) {
			t.Errorf("%s: line %d, %s: %s", name, e.Line, e.Path, e.Problem)
		}
	}
}

// TestAllErrorsAtOnce: whoever writes a file wants to know everything.
func TestAllErrorsAtOnce(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 1, "# nothing\n": 1, "{}": 4, "a: 1\nb: 2\n": 2, "log: {level: x, format: y}": 6} {
		_, err := config.Parse("/f", []byte(text))
		if found, _ := errors.AsType[config.Errors](err); len(found) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := config.Parse("/f", make([]byte, 1<<20+1)); err == nil {
		t.Error("a file of more than a megabyte is accepted")
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trent.yaml")
	if _, err := config.Read(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(path, []byte(least), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Read(path)
	if err != nil || c.File != path || c.Data != filepath.Join(filepath.Dir(path), "data") {
		t.Errorf("%+v, %v", c, err)
	}
}

// FuzzParse: any text is a configuration that is complete, or Errors that name
// the file.
func FuzzParse(f *testing.F) {
	f.Add([]byte(least))
	f.Add([]byte(config.Example))
	f.Add([]byte("a: &a [*a]\n<<: *a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse("/f", text)
		if err == nil {
			if c.Data == "" || len(c.Regions) == 0 || len(c.Listeners) == 0 || c.DomainRotation < time.Hour || (c.Module.Child == nil) == (c.Module.Socket == "") {
				t.Fatalf("%+v", c)
			}
			return
		}
		found, ok := errors.AsType[config.Errors](err)
		if !ok || len(found) == 0 {
			t.Fatalf("%T: %v", err, err)
		}
		for _, e := range found {
			if e.File != "/f" || e.Problem == "" || !strings.HasPrefix(e.Error(), "/f") {
				t.Fatalf("%+v", e)
			}
		}
	})
}
