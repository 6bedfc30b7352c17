package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"trent/internal/admin"
	"trent/internal/config"
)

// operatorFlags are the flags of every command that asks a running server.
type operatorFlags struct{ socket, data, config, output string }

// register adds them to a command.
func (f *operatorFlags) register(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.socket, "socket", os.Getenv(socketVariable), "the server's admin `socket` (default: $"+socketVariable+")")
	fs.StringVar(&f.data, "data", "trent-data", "the server's data `folder`, with the socket admin.sock")
	fs.StringVar(&f.config, "config", "", "the server's configuration `file`")
	fs.StringVarP(&f.output, "output", "o", outputTable, "`form` of the output: table or json")
	fs.Lookup("socket").DefValue = ""
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{outputTable, outputJSON}, cobra.ShellCompDirectiveNoFileComp))
}

// socketVariable names the admin socket for all commands.
const socketVariable = "TRENT_ADMIN_SOCKET"

// Values of --output.
const (
	outputTable = "table"
	outputJSON  = "json"
)

// client is who asks the server that the flags name: --socket before --config
// before --data.
func (f *operatorFlags) client(c *cobra.Command) (*admin.Client, error) {
	if f.output != outputTable && f.output != outputJSON {
		return nil, usageError(c, fmt.Errorf("--output %q: want table or json", f.output))
	}
	named := c.Flags().Changed
	if named("data") && named("config") {
		return nil, usageError(c, errors.New("--data and --config name two servers"))
	}
	if f.socket != "" && (named("socket") || !named("data") && !named("config")) {
		return admin.NewClient(f.socket), nil
	}
	if f.config != "" {
		conf, err := config.Read(f.config)
		if err != nil {
			return nil, err
		}
		return admin.NewClient(conf.Admin.Socket), nil
	}
	return admin.NewClient(filepath.Join(f.data, admin.SocketName)), nil
}

// answer asks the server and shows its answer: as JSON, or as table writes it.
func answer[Out any](c *cobra.Command, f *operatorFlags, ask func(*admin.Client) (Out, error), table func(*table, Out)) error {
	client, err := f.client(c)
	if err != nil {
		return err
	}
	out, err := ask(client)
	if err != nil {
		return f.hint(c, err)
	}
	if secret, ok := any(out).(interface{ Wipe() }); ok {
		defer secret.Wipe()
	}
	return show(c.OutOrStdout(), f.output, out, table)
}

// hint adds to the error of a server that is not there how to name one.
func (f *operatorFlags) hint(c *cobra.Command, err error) error {
	if !errors.Is(err, admin.ErrNoServer) {
		return err
	}
	return fmt.Errorf("%w; is the server running? --socket, --data or --config says which one is meant", err)
}

func show[Out any](w io.Writer, output string, out Out, write func(*table, Out)) error {
	if output == outputJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(out)
	}
	t := &table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	write(t, out)
	return t.w.Flush()
}

// table writes lines of columns.
type table struct{ w *tabwriter.Writer }

// row writes a line.
func (t *table) row(columns ...any) {
	text := make([]string, len(columns))
	for i, c := range columns {
		text[i] = cell(c)
	}
	fmt.Fprintln(t.w, strings.TrimRight(strings.Join(text, "\t"), "\t"))
}

// text writes text of several lines as it is, but for what a terminal obeys.
func (t *table) text(s string) {
	for line := range strings.Lines(s) {
		fmt.Fprintln(t.w, clean(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "  ")))
	}
}

// cell is one column's text; nothing is a dash.
func cell(v any) string {
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case *time.Time:
		if v == nil {
			return "-"
		}
		return cell(*v)
	case admin.Count:
		if v.More {
			return fmt.Sprintf("%d or more", v.N)
		}
		return fmt.Sprint(v.N)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case string:
		if v == "" {
			return "-"
		}
		return clean(v)
	default:
		return fmt.Sprint(v)
	}
}

// clean keeps what a terminal would obey, and what would break a line, out of
// a table. Descriptions and tags are their callers' choice.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
