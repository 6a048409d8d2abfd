package dist

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"github.com/andybalholm/brotli"

	"tokenvault/static"
)

// Compression says how much time a build spends to make files smaller.
type Compression uint8

const (
	// Best is for what is deployed: brotli 11 and gzip 9, some seconds.
	Best Compression = iota
	// Fast is for a demo and tests on one machine.
	Fast
)

// String returns the name of the value.
func (c Compression) String() string {
	if c == Fast {
		return "fast"
	}
	return "best"
}

// levels returns the levels of brotli and gzip.
func (c Compression) levels() (br, gz int) {
	if c == Fast {
		return 1, 1
	}
	return brotli.BestCompression, gzip.BestCompression
}

// compress adds a brotli and a gzip twin to every file that gets smaller by it,
// several files at a time. Both formats come without a time or a name, so the
// result depends on the content alone.
func compress(ctx context.Context, all files, compression Compression) error {
	brLevel, gzLevel := compression.levels()
	coders := []struct {
		extension string
		open      func(io.Writer) (io.WriteCloser, error)
	}{
		{".br", func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriterLevel(w, brLevel), nil }},
		{".gz", func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzLevel) }},
	}
	var (
		wait  sync.WaitGroup
		slots = make(chan struct{}, runtime.GOMAXPROCS(0))
		mutex sync.Mutex
		twins = files{}
		errs  []error
	)
	for _, name := range all.names() {
		if !static.Compressible(name) {
			continue
		}
		for _, coder := range coders {
			slots <- struct{}{}
			wait.Go(func() {
				defer func() { <-slots }()
				twin, err := code(ctx, all[name], coder.open)
				mutex.Lock()
				defer mutex.Unlock()
				twins[name+coder.extension] = twin
				errs = append(errs, err)
			})
		}
	}
	wait.Wait()
	for name, twin := range twins {
		all[name] = twin
	}
	return errors.Join(errs...)
}

// code compresses one content, unless the context is over.
func code(ctx context.Context, content []byte, open func(io.Writer) (io.WriteCloser, error)) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var coded bytes.Buffer
	w, err := open(&coded)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(content)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return coded.Bytes(), nil
}
