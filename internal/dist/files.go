package dist

import (
	"bytes"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"
)

// files is a folder in memory: contents by slash-separated name.
type files map[string][]byte

// names returns all names in order: everything that loops over files and
// leaves a trace goes by it.
func (f files) names() []string { return slices.Sorted(maps.Keys(f)) }

// FS presents the files as a file system without directories. It has what
// serving by name needs: Open and Stat.
var (
	_ fs.FS         = files(nil)
	_ fs.ReadFileFS = files(nil)
)

// Open implements [fs.FS].
func (f files) Open(name string) (fs.File, error) {
	content, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{Reader: bytes.NewReader(content), info: info{path.Base(name), int64(len(content))}}, nil
}

// ReadFile implements [fs.ReadFileFS].
func (f files) ReadFile(name string) ([]byte, error) {
	content, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return bytes.Clone(content), nil
}

type file struct {
	*bytes.Reader
	info info
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

type info struct {
	name string
	size int64
}

func (i info) Name() string     { return i.name }
func (i info) Size() int64      { return i.size }
func (info) Mode() fs.FileMode  { return 0o444 }
func (info) ModTime() time.Time { return time.Time{} }
func (info) IsDir() bool        { return false }
func (info) Sys() any           { return nil }
