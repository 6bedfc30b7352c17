package policy

import (
	"context"

	"trent/internal/arn"
	"trent/internal/awsjson"
)

// Resolver returns the unique id of what a principal's name means, if it exists.
type Resolver func(ctx context.Context, name string) (id string, exists bool, err error)

// Bind finds the users and roles that a resource-based policy names, and their
// unique ids: a principal that is made again under the same name is another one.
// Names that do not exist are returned apart, and are not bound.
func Bind(ctx context.Context, d *Document, resolve Resolver) (bound Bound, missing []string, err error) {
	known := map[string]bool{"*": true}
	for i := range d.Statements {
		for _, p := range [...]*Principals{d.Statements[i].Principal, d.Statements[i].NotPrincipal} {
			if p == nil {
				continue
			}
			for _, name := range p.AWS {
				if known[name] {
					continue
				}
				known[name] = true
				id, exists, err := resolve(ctx, name)
				switch {
				case err != nil:
					return nil, nil, err
				case !exists:
					missing = append(missing, name)
				case arn.ParsePrincipal(name).Kind != arn.AccountPrincipal:
					if bound == nil {
						bound = Bound{}
					}
					bound[name] = id
				}
			}
		}
	}
	return bound, missing, nil
}

// Show is the text of a stored resource-based policy for who asks for it: in
// place of a principal that is gone, or is another one by now, stands the id that
// the policy means, and the rest is as it was given. Such a text cannot be stored
// again, or it would name whoever has the ARN now.
func Show(ctx context.Context, text string, bound Bound, resolve Resolver) (string, error) {
	gone := Bound{}
	for name, id := range bound {
		now, exists, err := resolve(ctx, name)
		if err != nil {
			return "", err
		}
		if !exists || now != id {
			gone[name] = id
		}
	}
	if len(gone) == 0 {
		return text, nil
	}
	var shown []byte
	from := 0
	p := &parser{Scanner: awsjson.NewScanner([]byte(text))}
	p.named = func(name string, start, end int) {
		if id, ok := gone[name]; ok {
			shown = awsjson.AppendString(append(shown, text[from:start]...), id)
			from = end
		}
	}
	p.document()
	if p.err != nil {
		return "", p.err
	}
	return string(append(shown, text[from:]...)), p.End()
}
