package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"trent/internal/config"
)

func configCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "Check a configuration file, or print an example", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(configCheckCommand(), configExampleCommand())
	return c
}

const configCheckLong = `trent config check reads a configuration as trent serve does, and looks at the
files that it names: certificates and keys, permissions, the crypto module's
program, and whether this user can open the module's key file. Run it as the
service's user. It changes nothing.`

func configCheckCommand() *cobra.Command {
	var path, output string
	c := &cobra.Command{
		Use: "check", Short: "Say what is wrong with a configuration file",
		Long: configCheckLong, Args: noArguments,
		Example: "  trent config check --config trent.yaml\n  trent config check --config trent.yaml --output json",
		RunE: func(c *cobra.Command, _ []string) error {
			if path == "" {
				return usageError(c, errors.New("--config is missing"))
			}
			if output != outputTable && output != outputJSON {
				return usageError(c, fmt.Errorf("--output %q: want table or json", output))
			}
			return configCheck(path, output == outputJSON, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	configFlag(c, &path)
	outputFlag(c, &output)
	return c
}

// checkResult is what config check prints with --output json.
type checkResult struct {
	OK       bool          `json:"ok"`
	Errors   config.Errors `json:"errors"`
	Warnings config.Errors `json:"warnings"`
}

// errConfig: what is wrong has been printed already, as JSON.
var errConfig = errors.New("the configuration is refused")

func configCheck(path string, asJSON bool, stdout, stderr io.Writer) error {
	r := checkResult{Errors: config.Errors{}, Warnings: config.Errors{}}
	conf, err := config.Read(path)
	if err == nil {
		var warnings config.Errors
		warnings, err = conf.Check(time.Now())
		r.Warnings = append(r.Warnings, warnings...)
	}
	found, ok := errors.AsType[config.Errors](err)
	if err != nil && !ok {
		return err // it could not be read
	}
	r.OK = err == nil
	r.Errors = append(r.Errors, found...)
	if asJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		if encodeErr := encoder.Encode(r); encodeErr != nil || r.OK {
			return encodeErr
		}
		return errConfig
	}
	for _, w := range r.Warnings {
		fmt.Fprintln(stderr, "warning:", w)
	}
	if err == nil {
		_, err = fmt.Fprintf(stdout, "%s: ok\n", conf.File)
	}
	return err
}

func configExampleCommand() *cobra.Command {
	return &cobra.Command{
		Use: "example", Short: "Print a configuration file with every key, explained", Args: noArguments,
		Example: "  trent config example > trent.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := io.WriteString(c.OutOrStdout(), config.Example)
			return err
		},
	}
}
