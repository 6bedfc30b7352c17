package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestCommandsAreExplained: each command that does something has examples and a
// text, and each that asks a running server is in docs/cli.md, with every exit
// status.
func TestCommandsAreExplained(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	var look func(c *cobra.Command)
	asking := 0
	look = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			look(sub)
		}
		if c.HasSubCommands() || c.Name() == "help" {
			return
		}
		path := c.CommandPath()
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: the short text is %q", path, c.Short)
		}
		if c.Flags().Lookup("socket") == nil {
			return
		}
		asking++
		if c.Long == "" || !strings.HasPrefix(c.Example, "  "+path) {
			t.Errorf("%s has no text, or no example of itself: %q", path, c.Example)
		}
		if !strings.Contains(string(page), "`"+path+"`") {
			t.Errorf("docs/cli.md lacks `%s`", path)
		}
	}
	look(rootCommand())
	if asking < 12 {
		t.Errorf("%d commands ask a server", asking)
	}
	for _, status := range []string{"| 0 |", "| 1 |", "| 2 |", "| 3 |", "| 4 |"} {
		if !strings.Contains(string(page), status) {
			t.Errorf("docs/cli.md does not explain exit status %s", status)
		}
	}
}
