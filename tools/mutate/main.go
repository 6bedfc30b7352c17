// Command mutate changes a package's source in many small ways, and says which
// changes its tests do not notice. It compiles all changes into one test binary,
// in which an environment variable chooses one, so that a change costs no more
// than the tests.
//
//	go -C tools run ./mutate [flags] <package folder> <file>...
//
// It fails if a change survives that the list does not name with a reason, and
// if the list names one that does not survive.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	tests := flag.String("tests", ".", "patterns of -test.run with spaces between them, which are run one after another: fast tests that notice much first")
	list := flag.String("list", "", "the file with the survivors that have a reason")
	budget := flag.Duration("budget", time.Hour, "no test is begun after this time; what is left out is counted")
	each := flag.Duration("each", 60*time.Second, "a test that takes longer has noticed the change")
	workers := flag.Int("workers", 1, "tests at once")
	listed := flag.Bool("listed", false, "run only what the list names: does it still survive?")
	flag.Parse()
	if flag.NArg() < 2 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), flag.Args()[1:], *tests, *list, *budget, *each, *workers, *listed); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(folder string, files []string, tests, list string, budget, each time.Duration, workers int, listed bool) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	if list != "" {
		if list, err = filepath.Abs(list); err != nil {
			return err
		}
	}
	if err := os.Chdir(folder); err != nil { // where the importer finds the module
		return err
	}
	sources, mutants, err := collect(folder, files)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	binary, err := build(folder, work, sources)
	if err != nil {
		return err
	}
	t := tester{folder: folder, binary: binary, stages: strings.Fields(tests), each: each}
	if noticed, err := t.noticed(0); err != nil || noticed {
		return errors.Join(errors.New("the tests fail without a change"), err)
	}
	if listed {
		reasons, err := readReasons(list)
		if err != nil {
			return err
		}
		mutants = slices.DeleteFunc(mutants, func(m *mutant) bool { _, ok := reasons[m.String()]; return !ok })
	}
	survivors, left := t.all(mutants, workers, time.Now().Add(budget))
	fmt.Printf("%d mutants, %d not run, %d survive\n", len(mutants), left, len(survivors))
	return judge(survivors, left, files, list)
}

// judge compares the survivors with the list of those that have a reason.
func judge(survivors []*mutant, left int, files []string, list string) error {
	reasons, err := readReasons(list)
	if err != nil {
		return err
	}
	unexplained := 0
	for _, m := range survivors {
		if _, ok := reasons[m.String()]; !ok {
			fmt.Println("without a reason:", m)
			unexplained++
		}
		delete(reasons, m.String())
	}
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		if left == 0 && slices.Contains(files, strings.Fields(name)[0]) {
			fmt.Println("does not survive:", name)
			unexplained++
		}
	}
	if unexplained > 0 || left > 0 {
		return fmt.Errorf("%d to explain, %d not run", unexplained, left)
	}
	return nil
}

// build compiles the tests with all mutants.
func build(folder, work string, sources []*source) (binary string, err error) {
	replace := map[string]string{}
	for i, s := range sources {
		path := filepath.Join(work, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(path, []byte(s.render()), 0o600); err != nil {
			return "", err
		}
		replace[s.path] = path
	}
	name := filepath.Base(folder)
	chooser := filepath.Join(work, "chooser.go")
	text := "package " + name + "\n\nimport (\n\t\"os\"\n\t\"strconv\"\n)\n\nvar mutant, _ = strconv.Atoi(os.Getenv(\"MUTANT\"))\n"
	if err := os.WriteFile(chooser, []byte(text), 0o600); err != nil {
		return "", err
	}
	replace[filepath.Join(folder, "mutant_chooser.go")] = chooser
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlayFile := filepath.Join(work, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		return "", err
	}
	binary = filepath.Join(work, "tests")
	c := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlayFile, "-o", binary, ".")
	c.Dir = folder
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
}

// tester runs the tests with one mutant after another.
type tester struct {
	folder, binary string
	stages         []string // patterns of tests, which are run one after another
	each           time.Duration
}

// all runs mutants until the deadline. It returns those that no test noticed,
// and how many were not run.
func (t *tester) all(mutants []*mutant, workers int, deadline time.Time) (survivors []*mutant, left int) {
	var (
		lock sync.Mutex
		wait sync.WaitGroup
		next = make(chan *mutant)
		done int
	)
	for range workers {
		wait.Go(func() {
			for m := range next {
				noticed, err := t.noticed(m.number)
				if err != nil {
					fmt.Fprintln(os.Stderr, "mutate:", err)
				}
				lock.Lock()
				if !noticed {
					survivors = append(survivors, m)
					fmt.Printf("survives: %s (line %d)\n", m, m.line)
				}
				if done++; done%100 == 0 {
					fmt.Printf("%d of %d\n", done, len(mutants))
				}
				lock.Unlock()
			}
		})
	}
	for i, m := range mutants {
		if time.Now().After(deadline) {
			left = len(mutants) - i
			break
		}
		next <- m
	}
	close(next)
	wait.Wait()
	slices.SortFunc(survivors, func(a, b *mutant) int { return a.number - b.number })
	return survivors, left
}

// noticed reports whether a test fails, or does not end.
func (t *tester) noticed(number int) (bool, error) {
	for _, pattern := range t.stages {
		ctx, cancel := context.WithTimeout(context.Background(), t.each)
		c := exec.CommandContext(ctx, t.binary, "-test.failfast", "-test.run", pattern)
		c.Dir = t.folder
		c.Env = append(os.Environ(), fmt.Sprintf("MUTANT=%d", number))
		out, err := c.CombinedOutput()
		late := ctx.Err() != nil
		cancel()
		var exit *exec.ExitError
		switch {
		case err == nil:
			continue
		case number == 0:
			return true, fmt.Errorf("%s", out)
		case late || errors.As(err, &exit):
			return true, nil
		}
		return false, err
	}
	return false, nil
}

// readReasons reads a list: a survivor's name, and behind two spaces and a
// number sign its reason. Lines that begin with a number sign are comments.
func readReasons(list string) (map[string]string, error) {
	reasons := map[string]string{}
	if list == "" {
		return reasons, nil
	}
	f, err := os.Open(list)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, found := strings.Cut(line, "  # ")
		if !found || reason == "" {
			return nil, fmt.Errorf("%s: no reason: %s", list, line)
		}
		reasons[name] = reason
	}
	return reasons, lines.Err()
}
