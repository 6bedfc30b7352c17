package recovery

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trent/test/harness"
)

// TestProduction: a data folder of trent serve is lost, and restored in its
// place: the account and its access key, a marker that a client holds, keys and
// ciphertexts are there; what was changed since is not. Without the key file,
// or with that of another service, nothing is restored.
func TestProduction(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init()
	s := p.Serve()
	id, _ := s.CreateKey(t, p.Who)
	other, _ := s.CreateKey(t, p.Who)
	sealed := s.MustAs(t, p.Who, "Encrypt", object{"KeyId": id, "Plaintext": []byte("kept")})["CiphertextBlob"]
	marker := s.MustAs(t, p.Who, "ListKeys", object{"Limit": 1})["NextMarker"]

	file := filepath.Join(t.TempDir(), "trent.backup")
	if out, code := p.Run("backup", "--out", file); code != 0 {
		t.Fatalf("%d: %s", code, out)
	}
	s.MustAs(t, p.Who, "DisableKey", object{"KeyId": id})
	later, _ := s.CreateKey(t, p.Who)
	if out, code := p.Run("restore", file); code != 1 || !strings.Contains(out, "overwrites nothing") {
		t.Errorf("while the service runs: %d: %s", code, out)
	}
	s.Kill()
	if err := os.Rename(p.Data, p.Data+".old"); err != nil {
		t.Fatal(err)
	}

	wrongKeyFiles(t, p, file)
	if out, code := p.Run("restore", file); code != 0 {
		t.Fatalf("%d: %s", code, out)
	}

	s = p.Serve()
	if got := s.MustAs(t, p.Who, "Decrypt", object{"CiphertextBlob": sealed})["Plaintext"]; got != "a2VwdA==" {
		t.Errorf("Decrypt gives %v", got)
	}
	page := s.MustAs(t, p.Who, "ListKeys", object{"Marker": marker})["Keys"].([]any)
	if last := max(id, other); len(page) != 1 || page[0].(object)["KeyId"] != last {
		t.Errorf("behind the marker come %v, want %s", page, last)
	}
	res := s.Do(t, harness.Request{Operation: "DescribeKey", Who: p.Who, Body: harness.Marshal(object{"KeyId": later})})
	if res.Status != http.StatusBadRequest || res.Type != "NotFoundException" {
		t.Errorf("a key made after the backup: %d %s", res.Status, res.Body)
	}
}

// TestRestoreWithoutAModule: it is said before anything is read or made.
func TestRestoreWithoutAModule(t *testing.T) {
	t.Parallel()
	p := harness.NewFolder(t)
	p.Write("module: {socket: module/socket}\nunseal: {same_user: true}\n")
	if err := os.Mkdir(filepath.Join(p.Folder, "module"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, code := p.Run("restore", filepath.Join(p.Folder, "none")); code != 1 || !strings.Contains(out, "no such file") {
		t.Errorf("%d: %s", code, out)
	}
	cmd := p.Command("restore", "--config", p.Config, "-")
	in, err := cmd.StdinPipe() // nothing comes, and it does not end
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), "no crypto module answers at "+filepath.Join(p.Folder, "module", "socket")) {
		t.Errorf("%d: %s", code, out)
	}
	if _, err := os.Stat(p.Data); !os.IsNotExist(err) {
		t.Errorf("there is a data folder: %v", err)
	}
}

// wrongKeyFiles tries to restore without the key file and with another one,
// and puts the right one back.
func wrongKeyFiles(t *testing.T, p *harness.Production, file string) {
	t.Helper()
	key := filepath.Join(p.Folder, "module", "key")
	right, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if out, code := p.Run("restore", file); code != 1 || !strings.Contains(out, "key file") || !strings.Contains(out, "is missing") {
		t.Errorf("without the key file: %d: %s", code, out)
	}
	if err := os.WriteFile(key, []byte(strings.Repeat("ab", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := p.Run("restore", file); code != 1 || !strings.Contains(out, "its key file is another one") {
		t.Errorf("with another key file: %d: %s", code, out)
	}
	if _, err := os.Stat(p.Data); !os.IsNotExist(err) {
		t.Errorf("there is a data folder: %v", err)
	}
	if err := os.WriteFile(key, right, 0o600); err != nil {
		t.Fatal(err)
	}
}
