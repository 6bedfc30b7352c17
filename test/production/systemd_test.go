package production

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trent/test/harness"
)

// TestUnits: the units and the example configuration name the same files, so
// that the one works with the other as they are.
func TestUnits(t *testing.T) {
	t.Parallel()
	text := func(name string) string {
		b, err := os.ReadFile(filepath.Join(harness.Root(), "packaging", "systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	example, _ := harness.Run(t, "config", "example")
	// setting is the value of the first line with a key that fits.
	setting := func(key, value string) string {
		for line := range strings.Lines(example) {
			if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+": "); ok && strings.HasPrefix(v, value) {
				return v
			}
		}
		t.Fatalf("the example has no %s: %s", key, value)
		return ""
	}
	data, keyFile := setting("data", "/"), setting("key_file", "/")
	moduleSocket, kmsSocket, adminSocket := setting("socket", "/run/trent-hsm"), setting("socket", "/run/trent/kms"), setting("socket", "/run/trent/admin")
	service, module, folders := text("trent.service"), text("trent-hsm.service"), text("tmpfiles.d-trent.conf")
	if filepath.Dir(adminSocket) != filepath.Dir(kmsSocket) {
		t.Errorf("%s and %s are in two folders", adminSocket, kmsSocket)
	}
	for what, there := range map[string]bool{
		"the configuration":     strings.Contains(service, "trent serve --config /etc/trent/trent.yaml\n"),
		"the key file":          strings.Contains(module, " --key-file "+keyFile+" "),
		"the module's socket":   strings.Contains(module, " --listen "+moduleSocket+" "),
		"the service may write": strings.Contains(service, "\nReadWritePaths="+data+" "+filepath.Dir(adminSocket)+"\n"),
		"the module may write":  strings.Contains(module, "\nReadWritePaths="+filepath.Dir(moduleSocket)+"\n"),
	} {
		if !there {
			t.Errorf("%s: the units and the example differ", what)
		}
	}
	if !strings.Contains(text("sysusers.d-trent.conf"), "\ng trent-clients -\n") {
		t.Error("the group of the clients is not made")
	}
	for folder, rest := range map[string]string{
		"/etc/trent":               "0750 root trent",
		data:                       "0700 trent trent",
		filepath.Dir(keyFile):      "0700 trent-hsm trent-hsm",
		filepath.Dir(moduleSocket): "0750 trent-hsm trent",
		filepath.Dir(kmsSocket):    "2750 trent trent-clients",
	} {
		if !strings.Contains(strings.Join(strings.Fields(folders), " ")+" ", " d "+folder+" "+rest+" ") {
			t.Errorf("no folder %s with %s", folder, rest)
		}
	}
}
