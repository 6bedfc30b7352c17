// Package docs runs the pages that a reader follows word for word.
package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trent/test/harness"
)

// A block is a fenced block of a page.
type block struct {
	language string // "sh"
	kind     string // "", "systemd", "terminal", or the name of a file
	until    string // of a terminal: what it says when the reader may go on
	text     string
	line     int
}

// blocks reads a page's fenced blocks.
func blocks(t *testing.T, page string) (all []block) {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var in *block
	for i, line := range strings.Split(string(b), "\n") {
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case in == nil && fence:
			in = &block{line: i + 1}
			in.language, in.kind, _ = strings.Cut(info, " ")
			in.kind, in.until, _ = strings.Cut(in.kind, ": ")
		case fence:
			all = append(all, *in)
			in = nil
		case in != nil:
			in.text += line + "\n"
		}
	}
	if in != nil {
		t.Fatalf("%s:%d: the block has no end", page, in.line)
	}
	return all
}

// script makes a shell script of a page: commands run in one shell, one after
// the other, and the first that fails ends it; what the reader runs in a
// terminal of its own runs in the background.
func script(t *testing.T, all []block) string {
	t.Helper()
	var s strings.Builder
	for i, b := range all {
		where := fmt.Sprintf("echo '=== line %d'\n", b.line)
		switch {
		case b.language == "sh" && b.kind == "":
			s.WriteString(where + b.text)
		case b.language == "sh" && b.kind == "systemd":
			// Its place is taken by the block for a terminal.
		case b.language == "sh" && b.kind == "terminal" && b.until != "":
			fmt.Fprintf(&s, "%s( exec >/tmp/terminal%d 2>&1\n%s) &\nwaitfor %q /tmp/terminal%d\n", where, i, b.text, b.until, i)
		case b.language == "python" && b.kind != "":
			fmt.Fprintf(&s, "%scat > %s <<'END OF BLOCK'\n%sEND OF BLOCK\n", where, b.kind, b.text)
		default:
			t.Errorf("line %d: a block of no known kind: %s %s", b.line, b.language, b.kind)
		}
	}
	return s.String()
}

// TestGettingStarted follows docs/getting-started.md. That takes root.
func TestGettingStarted(t *testing.T) {
	all := blocks(t, filepath.Join(harness.Root(), "docs", "getting-started.md"))
	out := follow(t, script(t, all))
	for _, want := range []string{"Alice 4200", `"KeyState": "Enabled"`, "audit head", "DisabledException"} {
		if !strings.Contains(out, want) {
			t.Errorf("the page never shows %q:\n%s", want, out)
		}
	}
}

// TestPermissions follows examples/permissions.
func TestPermissions(t *testing.T) {
	all := blocks(t, filepath.Join(harness.Root(), "examples", "permissions", "README.md"))
	if len(all) < 15 {
		t.Fatalf("the page has only %d blocks", len(all))
	}
	out := follow(t, script(t, all))
	for _, want := range []string{
		"perhaps kms:EncryptionContext:dept is meant", `"Description": "payroll"`, "user/alice is not authorized to perform: kms:Encrypt", "assumed-role/payroll/monday",
		"dept StringEquals payroll does not hold: the request has sales", "user/carl is not authorized", `Auditor of user/carl`,
		"user/clerk is not authorized", "EncryptionContextSubset", "UnrecognizedClientException",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the page never shows %q:\n%s", want, out)
		}
	}
	if n := strings.Count(out, "Alice 4200"); n != 2 {
		t.Errorf("the application and the clerk decrypt, and nobody else: %d times\n%s", n, out)
	}
	if n := strings.Count(out, "An error occurred"); n != strings.Count(script(t, all), "\nrefused ") {
		t.Errorf("%d commands were refused:\n%s", n, out)
	}
}

// TestBlocks: nothing of the page is left out.
func TestBlocks(t *testing.T) {
	t.Parallel()
	count := map[string]int{}
	for _, b := range blocks(t, filepath.Join(harness.Root(), "docs", "getting-started.md")) {
		count[b.language+" "+b.kind]++
	}
	if count["sh systemd"] != count["sh terminal"] || count["sh "] < 10 || count["python envelope.py"] != 1 {
		t.Errorf("the page has the blocks %v", count)
	}
}
