package dist

import "errors"

// Errors that callers tell apart with [errors.Is].
var (
	// ErrForeign: the place to write to holds something else than a build.
	ErrForeign = errors.New("not a folder made by tokenvault build")
	// ErrDamaged: a folder's files are not the ones its manifest lists.
	ErrDamaged = errors.New("damaged build")
	// ErrStale: a folder was built for another configuration.
	ErrStale = errors.New("built for another configuration")
	// ErrTemplate: a script lacks a mark that the build fills in.
	ErrTemplate = errors.New("unfit script")
)
