package iam

import (
	"context"
	"strings"

	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// byPath is what the lists of users, groups and roles have in common: pages of
// an account's entities whose paths have a prefix.
type byPath struct {
	*Config
	pages
	prefix string
}

func (in *byPath) Decode(d *query.Decoder) {
	in.prefix = d.String("PathPrefix", pathPrefix)
	in.pages.decode(d)
}

// list writes the entities of a kind, in an element of that name. open reads one
// and returns its path and how it is written.
func (in *byPath) list(ctx context.Context, c *call.Query, out *query.XML, element string, kind record.Kind, open func(store.KV) (path string, write func() error, err error)) error {
	out.Open(element)
	err := in.rows(ctx, in.Config, c, record.PrincipalPrefix(kind, c.Caller.Account), func(kv store.KV) (bool, error) {
		path, write, err := open(kv)
		if err != nil || !strings.HasPrefix(path, in.prefix) {
			return false, err
		}
		out.Open("member")
		err = write()
		out.Close("member")
		return true, err
	})
	out.Close(element)
	in.write(out)
	return err
}

func orSlash(path string) string {
	if path == "" {
		return "/"
	}
	return path
}
