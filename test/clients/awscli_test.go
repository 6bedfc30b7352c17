package clients

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"trent/test/harness"
)

// awsProgram is Debian's; another aws may stand before it in PATH.
const awsProgram = "/usr/bin/aws"

//go:embed testdata/awscli.py
var awsRuns string

// cli makes each call with a run of the AWS CLI.
type cli struct {
	*lines
	url string
}

func connectCLI(t testing.TB, s *harness.Server, who harness.Who) caller {
	needs(t, awsProgram)
	needs(t, pythonProgram)
	return &cli{startLines(t, awsRuns, environment(s, who)), s.URL}
}

// cliError is how the CLI prints an error answer.
var cliError = regexp.MustCompile(`(?s)An error occurred \((\w+)\) when calling the \w+ operation(?: \([^)]*\))?: ?(.*)`)

func (c *cli) call(t testing.TB, operation string, in object) (object, error) {
	t.Helper()
	service, operation := service(operation)
	var ran struct {
		Status   int
		Out, Err string
	}
	if err := c.ask(arguments(c.url, service, operation, in), &ran); err != nil {
		return nil, err
	}
	return outcome(ran.Status, ran.Out, ran.Err)
}

// arguments are the CLI's for a call. It turns pages into one; the tests want
// them as the server gives them.
func arguments(url, service, operation string, in object) []string {
	return []string{service, kebab(operation), "--endpoint-url", url, "--output", "json", "--no-paginate", "--cli-input-json", harness.Marshal(in)}
}

// outcome reads what a run of the CLI has printed.
func outcome(status int, stdout, stderr string) (object, error) {
	if status != 0 {
		if found := cliError.FindStringSubmatch(stderr); found != nil {
			return nil, &apiError{found[1], strings.TrimSpace(found[2])}
		}
		return nil, fmt.Errorf("aws: exit status %d: %s", status, stderr)
	}
	out := object{}
	if stdout == "" {
		return out, nil
	}
	return out, json.Unmarshal([]byte(stdout), &out)
}

// TestCLIProgram: the program itself does what its forked runs do.
func TestCLIProgram(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	forked := connectCLI(t, s, harness.Default)
	key := must(t, forked, "CreateKey", object{})["KeyMetadata"].(object)["KeyId"]
	for operation, in := range map[string]object{
		"DescribeKey": {"KeyId": key}, "ListAliases": {}, "iam:GetUser": {"UserName": "nobody"}, "sts:GetCallerIdentity": {}, "ScheduleKeyDeletion": {"KeyId": "alias/none"},
	} {
		name, call := service(operation)
		cmd := exec.CommandContext(t.Context(), awsProgram, arguments(s.URL, name, call, in)...)
		cmd.Env = environment(s, harness.Default)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		status := 0
		if cmd.Run() != nil {
			status = cmd.ProcessState.ExitCode()
		}
		wanted, wantedErr := outcome(status, stdout.String(), stderr.String())
		got, err := forked.call(t, operation, in)
		if harness.Marshal(got) != harness.Marshal(wanted) || fmt.Sprint(err) != fmt.Sprint(wantedErr) {
			t.Errorf("%s: %v, %v; the program: %v, %v", operation, got, err, wanted, wantedErr)
		}
	}
}

// kebab spells an operation as the CLI does.
func kebab(operation string) string {
	var b strings.Builder
	for i, r := range operation {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
