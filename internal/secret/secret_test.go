package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/fxamacker/cbor/v2"

	"trent/internal/secret"
)

// canary is looked for in everything that is printed and encoded. Its bytes
// are printable, so that every form of it is easy to find.
const canary = "CANARY-8f1d"

// leaks returns the form in which text holds the canary; "" if it does not.
func leaks(text string) string {
	var decimal, hexList []string
	for _, c := range []byte(canary) {
		decimal = append(decimal, fmt.Sprint(c))
		hexList = append(hexList, fmt.Sprintf("0x%x", c))
	}
	lower := strings.ToLower(text)
	for form, want := range map[string]string{
		"text":           strings.ToLower(canary),
		"hex":            hex.EncodeToString([]byte(canary)),
		"spaced hex":     fmt.Sprintf("% x", canary),
		"prefixed hex":   fmt.Sprintf("%# x", canary),
		"base64":         strings.ToLower(base64.RawStdEncoding.EncodeToString([]byte(canary))),
		"numbers":        strings.Join(decimal, " "),
		"JSON numbers":   strings.Join(decimal, ","),
		"a Go literal":   strings.Join(hexList, ", "),
		"the first half": strings.ToLower(canary[:len(canary)/2]),
	} {
		if strings.Contains(lower, want) {
			return form
		}
	}
	return ""
}

type (
	exported   struct{ Key secret.Bytes }
	unexported struct{ key secret.Bytes }
	pointer    struct{ key *secret.Bytes }
	embedded   struct{ secret.Bytes }
	deep       struct {
		m map[string]unexported
		s []unexported
		a [1]pointer
		i any
		e error
	}
	keyError struct{ key secret.Bytes }
)

func (e keyError) Error() string { return fmt.Sprintf("key %v", e.key) }

// holders are the ways in which a program holds a secret.
func holders() map[string]any {
	s := secret.New([]byte(canary))
	return map[string]any{
		"itself":           s,
		"pointer":          &s,
		"exported field":   exported{s},
		"its pointer":      &exported{s},
		"unexported field": unexported{s},
		"pointer to it":    &unexported{s},
		"pointer field":    pointer{&s},
		"embedded":         embedded{s},
		"slice":            []secret.Bytes{s, s},
		"array":            [2]secret.Bytes{s, s},
		"map":              map[string]secret.Bytes{"k": s},
		"interface":        []any{s, &s, unexported{s}},
		"deep":             deep{map[string]unexported{"k": {s}}, []unexported{{s}}, [1]pointer{{&s}}, unexported{s}, keyError{s}},
		"error":            fmt.Errorf("open: %w", keyError{s}),
	}
}

func TestLeaksFindsTheCanary(t *testing.T) {
	t.Parallel()
	b := []byte(canary)
	for _, text := range []string{canary, fmt.Sprint(b), fmt.Sprintf("%x", b), fmt.Sprintf("% X", b), fmt.Sprintf("%#v", b),
		fmt.Sprintf("%v", struct{ b []byte }{b}), base64.StdEncoding.EncodeToString(b)} {
		if leaks(text) == "" {
			t.Errorf("not found in %q", text)
		}
	}
}

func TestFormatting(t *testing.T) {
	t.Parallel()
	for name, holder := range holders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%o", "%b", "%c", "%U", "%p", "%T", "%t", "%e", "%w", "%100v", "%.3s", "%z"} {
				if form := leaks(fmt.Sprintf(verb, holder)); form != "" {
					t.Errorf("%s prints %s", verb, form)
				}
			}
			if form := leaks(fmt.Sprintln(holder, holder)); form != "" {
				t.Errorf("Sprintln prints %s", form)
			}
		})
	}
}

func TestLogging(t *testing.T) {
	t.Parallel()
	for name, holder := range holders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
				logger := slog.New(handler).With("with", holder)
				logger.Info("message", "value", holder, slog.Group("group", "value", holder))
			}
			log.New(&out, "", 0).Print(holder)
			if out.Len() == 0 {
				t.Fatal("nothing was logged")
			}
			if form := leaks(out.String()); form != "" {
				t.Errorf("logs %s: %s", form, out.String())
			}
		})
	}
}

// Whether an encoder fails or leaves unexported fields out, it writes no secret.
func TestEncoding(t *testing.T) {
	t.Parallel()
	encoders := map[string]func(w io.Writer, v any) error{
		"json": func(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) },
		"xml":  func(w io.Writer, v any) error { return xml.NewEncoder(w).Encode(v) },
		"gob":  func(w io.Writer, v any) error { return gob.NewEncoder(w).Encode(v) },
		"cbor": func(w io.Writer, v any) error { return cbor.NewEncoder(w).Encode(v) },
		"template": func(w io.Writer, v any) error {
			return template.Must(template.New("").Parse("{{.}} {{printf \"%s %x\" . .}}")).Execute(w, v)
		},
	}
	for name, holder := range holders() {
		for encoder, encode := range encoders {
			t.Run(encoder+"/"+name, func(t *testing.T) {
				t.Parallel()
				var out bytes.Buffer
				err := encode(&out, holder)
				if form := leaks(out.String()); form != "" {
					t.Errorf("writes %s", form)
				}
				if err != nil {
					if form := leaks(err.Error()); form != "" {
						t.Errorf("the error holds %s", form)
					}
				}
			})
		}
	}
}

// Where the encoder reaches the secret it must fail, so that nobody stores an
// empty value in place of a key.
func TestEncodersRefuse(t *testing.T) {
	t.Parallel()
	holder := exported{secret.New([]byte(canary))}
	for name, encode := range map[string]func() error{
		"json":   func() error { _, err := json.Marshal(holder); return err },
		"xml":    func() error { _, err := xml.Marshal(holder); return err },
		"gob":    func() error { return gob.NewEncoder(io.Discard).Encode(holder) },
		"cbor":   func() error { _, err := cbor.Marshal(holder); return err },
		"text":   func() error { _, err := holder.Key.MarshalText(); return err },
		"binary": func() error { _, err := holder.Key.MarshalBinary(); return err },
	} {
		if encode() == nil {
			t.Errorf("%s encodes a secret", name)
		}
	}
}

// A panic's value is printed by the runtime, which calls Error and String
// methods and prints addresses of the rest; here it is recovered and printed.
func TestPanic(t *testing.T) {
	t.Parallel()
	for name, holder := range holders() {
		func() {
			defer func() {
				if form := leaks(fmt.Sprint("panic: ", recover())); form != "" {
					t.Errorf("%s: prints %s", name, form)
				}
			}()
			panic(holder)
		}()
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	own := []byte(canary)
	s := secret.New(own)
	if &s.Expose()[0] != &own[0] {
		t.Error("New copies")
	}
	c := secret.Copy(own)
	if &c.Expose()[0] == &own[0] || !c.Equal(s) || c.Len() != len(canary) {
		t.Error("Copy is not an equal copy")
	}
	same := s
	same.Wipe()
	if !bytes.Equal(s.Expose(), make([]byte, len(canary))) {
		t.Error("wiping a copy of the value leaves the secret")
	}
	if c.Equal(s) || string(c.Expose()) != canary {
		t.Error("wiping reaches the copy of the bytes")
	}
	var zero secret.Bytes
	zero.Wipe()
	if zero.Len() != 0 || zero.Expose() != nil || !zero.Equal(secret.New(nil)) || zero.Equal(c) {
		t.Error("the zero value is not an empty secret")
	}
	if !errors.As(fmt.Errorf("x: %w", keyError{c}), &keyError{}) {
		t.Error("the error type of this test is not found")
	}
}
