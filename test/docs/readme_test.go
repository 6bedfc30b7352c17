package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"trent/test/harness"
)

// A step is a command of the README with what it shows.
type step struct{ command, shows string }

// steps reads the indented lines of the README's section Start: those after a
// prompt, with the output that follows, and those without.
func steps(t *testing.T) (all []step) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(harness.Root(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n## Start\n")
	section, _, _ = strings.Cut(section, "\n## ")
	continued := false
	for line := range strings.Lines(section) {
		text, indented := strings.CutPrefix(line, "    ")
		prompted, prompt := strings.CutPrefix(text, "$ ")
		switch {
		case !indented:
			continue
		case continued:
			all[len(all)-1].command += text
		case prompt:
			all = append(all, step{command: prompted})
		case strings.HasPrefix(text, "export "), strings.HasPrefix(text, "make "):
			all = append(all, step{command: text})
		default:
			all[len(all)-1].shows += text
			continue
		}
		continued = strings.HasSuffix(text, "\\\n")
	}
	return all
}

// keyID is the form of the key id that the README's reader gets another one of.
var keyID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// TestReadme follows the README's section Start, as TestGettingStarted follows
// its page, and compares what it shows: members of JSON, and refusals.
func TestReadme(t *testing.T) {
	all := steps(t)
	var s strings.Builder
	// Older clients take the server's address from their command line only, as
	// the README says.
	s.WriteString("aws() { /usr/bin/aws --endpoint-url http://127.0.0.1:4599 \"$@\"; }\n")
	for i, step := range all {
		command := keyID.ReplaceAllLiteralString(step.command, "$key")
		switch {
		case strings.HasPrefix(command, "make run"):
			fmt.Fprintf(&s, "( %s) >/tmp/terminal 2>&1 &\nwaitfor 'trent dev: http://127.0.0.1:4599' /tmp/terminal\n", command)
		case strings.Contains(step.shows, "An error occurred"):
			fmt.Fprintf(&s, "echo '=== %d'\nif %s then exit 1; fi 2>&1\n", i, command)
		default:
			fmt.Fprintf(&s, "echo '=== %d'\n{ %s} > /tmp/shown\ncat /tmp/shown\n", i, command)
		}
		if strings.Contains(command, "create-key") {
			s.WriteString("key=$(sed -n 's/.*\"KeyId\": \"\\([^\"]*\\)\".*/\\1/p' /tmp/shown)\n")
		}
	}
	out := follow(t, s.String())
	for i, step := range all {
		_, shown, found := strings.Cut(out, fmt.Sprintf("=== %d\n", i))
		if !found && !strings.HasPrefix(step.command, "make") {
			t.Errorf("%s was not run", step.command)
		}
		shown, _, _ = strings.Cut(shown, "=== ")
		if step.shows != "" && found && !sameShape(step.shows, shown) {
			t.Errorf("%sshows\n%s, and the README has\n%s", step.command, shown, step.shows)
		}
	}
	if len(all) < 8 {
		t.Errorf("the README has only the steps %q", all)
	}
}

// sameShape compares an output with the README's: the members of JSON, or the
// whole text.
func sameShape(want, got string) bool {
	var a, b any
	if json.Unmarshal([]byte(want), &a) != nil || json.Unmarshal([]byte(got), &b) != nil {
		return bytes.Equal(bytes.TrimSpace([]byte(want)), bytes.TrimSpace([]byte(got)))
	}
	return slices.Equal(members(a, ""), members(b, ""))
}

// members are the paths of a JSON value's members, in order.
func members(v any, path string) (all []string) {
	object, ok := v.(map[string]any)
	if !ok {
		return []string{path}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		all = append(all, members(object[name], path+"."+name)...)
	}
	return all
}

// follow runs a script in a copy of this machine that is thrown away: another
// root file system over this one, with processes and a network of its own.
func follow(t *testing.T, script string) (output string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "unshare", "--mount", "--net", "true").CombinedOutput(); err != nil {
		t.Skipf("only root can make a copy of the machine, where that is permitted: %s", out)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "page.sh"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc",
		"/bin/bash", "testdata/sandbox", folder, harness.Root())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}
