// Command runner vets and tests every Go module of the repository and ends
// with a summary: what failed, with its output; what was skipped, by name; and
// what was slow. It exits 1 if anything failed, and with CI=true also if
// anything was skipped.
//
// It runs in the repository's root. It must never decide what a test does:
// that is the test's own business (TRENT_SOAK=1 asks for the long forms).
package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	begin := time.Now()
	modules, err := findModules(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "runner:", err)
		os.Exit(1)
	}
	var s summary
	for _, module := range modules {
		if len(listPackages(module, "./...")) == 0 {
			continue // it only pins the versions of tools
		}
		vet(&s, module)
		for _, suite := range suitesOf(module) {
			if err := suite.run(&s); err != nil {
				s.failed = append(s.failed, result{name: suite.name(), output: err.Error() + "\n"})
			}
		}
	}
	s.print(os.Stdout, time.Since(begin))
	if !s.ok(os.Getenv("CI") == "true") {
		os.Exit(1)
	}
}

// findModules returns the folders that hold a go.mod, the root first.
func findModules(root string) ([]string, error) {
	var modules []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		if entry.Name() == "go.mod" {
			modules = append(modules, filepath.Dir(path))
		}
		return nil
	})
	slices.Sort(modules)
	return modules, err
}

func vet(s *summary, module string) {
	cmd := exec.Command("go", "vet", "./...")
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		s.failed = append(s.failed, result{name: "go vet in " + module, output: string(out)})
	}
}
