package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// withoutRace are the folders of the root module that are tested without the
// race detector: it multiplies the time of what they drive (the SQLite engine
// is a large translated C program) and their concurrency is that of the
// packages above them, which are tested with it.
var withoutRace = []string{"./internal/store/sqlite/..."}

// A suite is one run of go test.
type suite struct {
	module   string
	race     bool
	packages []string
}

func (s suite) name() string {
	race := ""
	if s.race {
		race = " -race"
	}
	return fmt.Sprintf("go test%s in %s", race, s.module)
}

// suitesOf splits a module's packages into runs of go test. The root module
// runs under the race detector where that is affordable and cgo is there.
func suitesOf(module string) []suite {
	if module != "." || !raceWorks() {
		return []suite{{module: module, packages: []string{"./..."}}}
	}
	all, slow := listPackages(module, "./..."), listPackages(module, withoutRace...)
	var fast []string
	for _, name := range all {
		if !slices.Contains(slow, name) {
			fast = append(fast, name)
		}
	}
	suites := []suite{{module: module, race: true, packages: fast}}
	if len(slow) > 0 {
		suites = append(suites, suite{module: module, packages: slow})
	}
	return suites
}

// raceWorks reports whether a C compiler is there, which -race needs.
func raceWorks() bool {
	out, err := exec.Command("go", "env", "CC").Output()
	if err != nil {
		return false
	}
	_, err = exec.LookPath(strings.TrimSpace(string(out)))
	return err == nil
}

// listPackages returns the import paths in a module that match.
func listPackages(module string, patterns ...string) []string {
	cmd := exec.Command("go", append([]string{"list", "-e"}, patterns...)...)
	cmd.Dir = module
	out, err := cmd.Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(out))
}

// run executes the suite and feeds its events into the summary. An error is a
// run that failed without saying which test did.
func (s suite) run(sum *summary) error {
	args := []string{"test", "-json", "-timeout", timeout(), "-parallel", parallel}
	if s.race {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, s.packages...)...)
	cmd.Dir = s.module
	cmd.Env = os.Environ()
	if s.race {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	before := len(sum.failed)
	decoder := json.NewDecoder(stdout)
	for {
		var e event
		err := decoder.Decode(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			// What follows is not JSON: keep reading, so that go test can end.
			rest, _ := io.ReadAll(io.MultiReader(decoder.Buffered(), stdout))
			stderr.Write(rest)
			break
		}
		sum.add(e)
	}
	if err := cmd.Wait(); err != nil && len(sum.failed) == before {
		return fmt.Errorf("%w\n%s", err, stderr.String())
	}
	return nil
}

// parallel is how many tests of a package run at once: most of them wait, for the
// disk and for processes of their own.
const parallel = "6"

// timeout bounds each test binary; the long forms take their minutes.
func timeout() string {
	if os.Getenv("TRENT_SOAK") == "1" {
		return "60m"
	}
	return "20m"
}
