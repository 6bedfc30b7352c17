package clients

import (
	"bytes"
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

// cli makes each call with a run of the AWS CLI.
type cli struct {
	environment []string
	url         string
}

func connectCLI(t testing.TB, s *harness.Server, who harness.Who) caller {
	needs(t, awsProgram)
	return &cli{environment(s, who), s.URL}
}

// cliError is how the CLI prints an error answer.
var cliError = regexp.MustCompile(`(?s)An error occurred \((\w+)\) when calling the \w+ operation(?: \([^)]*\))?: ?(.*)`)

func (c *cli) call(t testing.TB, operation string, in object) (object, error) {
	t.Helper()
	service, operation := service(operation)
	// The CLI turns pages into one; the tests want them as the server gives them.
	cmd := exec.CommandContext(t.Context(), awsProgram, service, kebab(operation),
		"--endpoint-url", c.url, "--output", "json", "--no-paginate", "--cli-input-json", harness.Marshal(in))
	cmd.Env = c.environment
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if found := cliError.FindStringSubmatch(stderr.String()); found != nil {
			return nil, &apiError{found[1], strings.TrimSpace(found[2])}
		}
		return nil, fmt.Errorf("aws %s %s: %w: %s", service, kebab(operation), err, stderr.Bytes())
	}
	out := object{}
	if stdout.Len() == 0 {
		return out, nil
	}
	return out, json.Unmarshal(stdout.Bytes(), &out)
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
