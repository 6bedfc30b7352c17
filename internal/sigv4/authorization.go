package sigv4

import "strings"

// authorization is the Authorization header taken apart. Parts that are not
// there are empty.
type authorization struct {
	algorithm, credential, signedHeaders, signature string
}

// separators stand between the parameters; AWS takes either.
const separators = ", "

// parseAuthorization reads
//
//	<algorithm> Credential=<…>, SignedHeaders=<…>, Signature=<…>
//
// with the parameters in any order. Whatever is no parameter is refused, also
// a parameter that comes twice or that nobody knows.
func parseAuthorization(header string) (authorization, error) {
	var a authorization
	rest := strings.TrimLeft(header, " ")
	a.algorithm, rest, _ = strings.Cut(rest, " ")
	for {
		rest = strings.TrimLeft(rest, separators)
		if rest == "" {
			return a, nil
		}
		parameter := rest
		if end := strings.IndexByte(rest, ','); end >= 0 {
			parameter = rest[:end]
		}
		if end := strings.IndexByte(parameter, ' '); end >= 0 {
			parameter = parameter[:end]
		}
		rest = rest[len(parameter):]
		name, value, ok := strings.Cut(parameter, "=")
		if !ok {
			return authorization{}, malformedParameter(header)
		}
		into := a.parameter(name)
		if into == nil || *into != "" {
			return authorization{}, unexpectedParameter(header)
		}
		*into = value
	}
}

// parameter returns where the value of a parameter goes; nil if there is none
// of that name.
func (a *authorization) parameter(name string) *string {
	switch name {
	case "Credential":
		return &a.credential
	case "SignedHeaders":
		return &a.signedHeaders
	case "Signature":
		return &a.signature
	}
	return nil
}

// complete refuses an Authorization header without all three parameters, or a
// request without X-Amz-Date, in one message.
func (a *authorization) complete(header string, dated bool) error {
	if a.credential != "" && a.signature != "" && a.signedHeaders != "" && dated {
		return nil
	}
	var missing []string
	for _, p := range []struct{ name, value string }{
		{"Credential", a.credential}, {"Signature", a.signature}, {"SignedHeaders", a.signedHeaders},
	} {
		if p.value == "" {
			missing = append(missing, missingParameter(p.name))
		}
	}
	if !dated {
		missing = append(missing, missingDate)
	}
	return incomplete(missing, header)
}
