package static

import (
	"errors"
	"io/fs"
)

// Overlay returns the files of over and, where it has none of a name, those of
// under: our folder over an app's own, for one.
func Overlay(over, under fs.FS) fs.FS { return overlay{over, under} }

type overlay struct{ over, under fs.FS }

var _ fs.FS = overlay{}

func (o overlay) Open(name string) (fs.File, error) {
	file, err := o.over.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return o.under.Open(name)
	}
	return file, err
}
