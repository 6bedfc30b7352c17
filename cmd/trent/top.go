package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"trent/internal/admin"
)

const topLong = `trent top shows what a running server does, second by second: operations with their
rates, errors and latencies, the busiest keys and principals, how far the audit trail
and its digests are, and what waits for the crypto module. Press q to end it.

The server measures this only while somebody looks on. Counts of keys and principals
are exact unless more than 512 of them are called in an interval; the JSON then says by
how much a count can be too high. Latencies are right to one in sixteen.

If the output is no terminal, it is text, once, unless --count says how often. With
--output json each interval is a line. NO_COLOR in the environment keeps colours away.

That an operator looks on has a record in the audit trail, when he begins to.`

// topFlags are the flags of trent top.
type topFlags struct {
	operatorFlags
	interval time.Duration
	count    int
	limit    int
}

func topCommand() *cobra.Command {
	var f topFlags
	c := &cobra.Command{
		Use: "top", Short: "Show live what a running server does", Long: topLong, Args: noArguments,
		Example: `  trent top
  trent top --interval 5s --config /etc/trent/trent.yaml
  trent top --count 60 --output json | jq -c '[.time, .all.calls, .all.p99Microseconds]'`,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.register(c)
	c.Flags().DurationVar(&f.interval, "interval", time.Second, "`time` between two pictures, 100ms to 30s")
	c.Flags().IntVar(&f.count, "count", 0, "end after this `number` of pictures (default: with q; once, if the output is no terminal)")
	c.Flags().IntVar(&f.limit, "limit", 0, "this `number` of operations, keys and principals at most (default: what fits; 10, if the output is no terminal)")
	return c
}

func (f *topFlags) run(c *cobra.Command) error {
	switch {
	case f.interval < 100*time.Millisecond || f.interval > admin.MaxTopMilliseconds*time.Millisecond:
		return usageError(c, fmt.Errorf("--interval %v: want 100ms to 30s", f.interval))
	case f.count < 0:
		return usageError(c, fmt.Errorf("--count %d: want a number that is not negative", f.count))
	case f.limit < 0 || f.limit > admin.MaxTop:
		return usageError(c, fmt.Errorf("--limit %d: want 1 to %d", f.limit, admin.MaxTop))
	}
	client, err := f.client(c)
	if err != nil {
		return err
	}
	t := topper{topFlags: f, client: client, out: c.OutOrStdout()}
	if file, ok := t.out.(*os.File); ok && f.output == outputTable && term.IsTerminal(int(file.Fd())) {
		return f.hint(c, t.watch(c.Context(), file))
	}
	return f.hint(c, t.print(c.Context()))
}

// topper shows pictures of one server.
type topper struct {
	*topFlags
	client *admin.Client
	out    io.Writer
}

func (t *topper) ask(ctx context.Context, limit int) (admin.Top, error) {
	return t.client.Top(ctx, admin.TopQuery{Milliseconds: int(t.interval.Milliseconds()), Limit: limit})
}

// usualLimit is how many of each there are without a terminal.
const usualLimit = 10

// print writes pictures as text or as lines of JSON.
func (t *topper) print(ctx context.Context) error {
	limit, count := t.limit, t.count
	if limit == 0 {
		limit = usualLimit
	}
	if count == 0 && t.output == outputTable {
		count = 1
	}
	for i := 0; count == 0 || i < count; i++ {
		top, err := t.ask(ctx, limit)
		if ctx.Err() != nil && i > 0 {
			return nil // it was ended
		}
		if err != nil {
			return err
		}
		if t.output == outputJSON {
			e := json.NewEncoder(t.out)
			e.SetEscapeHTML(false)
			if err := e.Encode(&top); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(t.out)
		}
		for _, line := range (&screen{top: &top, width: 120}).lines() {
			fmt.Fprintln(t.out, line)
		}
	}
	return nil
}

// What a terminal is told: to keep what it shows apart and to hide the cursor, and
// back again; to begin at the top, and to clear what is right and below.
const (
	enter    = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J"
	leave    = "\x1b[?25h\x1b[?1049l"
	home     = "\x1b[H"
	clearEnd = "\x1b[K"
	clearAll = "\x1b[J"
)

// watch shows pictures on a terminal until q is pressed.
func (t *topper) watch(ctx context.Context, file *os.File) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if in := int(os.Stdin.Fd()); term.IsTerminal(in) {
		before, err := term.MakeRaw(in)
		if err != nil {
			return err
		}
		defer func() { _ = term.Restore(in, before) }() // there is nobody left to tell
		go quitter(os.Stdin, stop)
	}
	// No answer, no screen: what is wrong with the server is told on the usual one.
	tops, failed := make(chan *admin.Top), make(chan error, 1)
	go func() { failed <- t.feed(ctx, tops) }()
	fmt.Fprint(file, enter)
	defer fmt.Fprint(file, leave)
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	var last *admin.Top
	for {
		if err := t.draw(file, last); err != nil {
			return err
		}
		select {
		case last = <-tops:
		case <-resized:
		case err := <-failed:
			if ctx.Err() != nil {
				return nil // q, or a signal
			}
			return err
		}
	}
}

// feed asks for pictures until the context ends, or as many as are wanted.
func (t *topper) feed(ctx context.Context, tops chan<- *admin.Top) error {
	for i := 0; t.count == 0 || i < t.count; i++ {
		limit := t.limit
		if limit == 0 {
			limit = admin.MaxTop
		}
		top, err := t.ask(ctx, limit)
		if err != nil {
			return err
		}
		select {
		case tops <- &top:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// draw shows a picture; before the first, that one comes.
func (t *topper) draw(file *os.File, top *admin.Top) error {
	width, height, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return err
	}
	s := screen{top: top, width: width, height: height, colour: os.Getenv("NO_COLOR") == "", limit: t.limit, keys: true}
	w := bufio.NewWriter(file)
	w.WriteString(home)
	for i, line := range s.lines() {
		if i > 0 {
			w.WriteString("\r\n")
		}
		w.WriteString(line)
		w.WriteString(clearEnd)
	}
	w.WriteString(clearAll)
	return w.Flush()
}

// quitter calls stop when q, Escape, Ctrl-C or Ctrl-D is pressed, or nothing can be
// read any more. It goes with the process.
func quitter(in io.Reader, stop func()) {
	const escape, end, interrupt = 0x1b, 0x04, 0x03
	b := make([]byte, 16)
	for {
		n, err := in.Read(b)
		for _, key := range b[:n] {
			// A key such as an arrow sends Escape, and more behind it.
			if key == 'q' || key == 'Q' || key == end || key == interrupt || key == escape && n == 1 {
				stop()
				return
			}
		}
		if err != nil && !errors.Is(err, syscall.EINTR) {
			stop()
			return
		}
	}
}
