package policy

import (
	"context"

	"trent/internal/arn"
)

// Bind finds the users and roles that a resource-based policy names, and their
// unique ids: a principal that is made again under the same name is another one.
// resolve returns the id of what a name means, if that exists. Names that do not
// exist are returned apart, and are not bound.
func Bind(ctx context.Context, d *Document, resolve func(ctx context.Context, name string) (id string, exists bool, err error)) (bound Bound, missing []string, err error) {
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
