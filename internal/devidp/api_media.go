package devidp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"sync"
)

// What elements of a page load: it is made here, so that there is no file to keep.
const (
	soundRate    = 22_050 // samples a second, of 16 bits
	soundSeconds = 60
	pictureWidth = 7
	pictureHigh  = 5
)

// soundBody is a WAV file: a triangle wave of about 220 Hz, one channel.
var soundBody = sync.OnceValue(func() []byte {
	const data = soundRate * soundSeconds * 2
	out := make([]byte, 0, 44+data)
	out = append(out, "RIFF"...)
	out = binary.LittleEndian.AppendUint32(out, 36+data)
	out = append(out, "WAVEfmt "...)
	out = binary.LittleEndian.AppendUint32(out, 16)
	for _, field := range []uint16{1, 1} { // PCM, one channel
		out = binary.LittleEndian.AppendUint16(out, field)
	}
	out = binary.LittleEndian.AppendUint32(out, soundRate)
	out = binary.LittleEndian.AppendUint32(out, soundRate*2)
	for _, field := range []uint16{2, 16} { // bytes a frame, bits a sample
		out = binary.LittleEndian.AppendUint16(out, field)
	}
	out = append(out, "data"...)
	out = binary.LittleEndian.AppendUint32(out, data)
	for i := range soundRate * soundSeconds {
		level := (i % 100) * 160
		if level > 8000 {
			level = 16_000 - level
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(int16(level-4000)))
	}
	return out
})

// apiSound is a minute of sound in 2.6 MB, with Range: a player that seeks asks for
// the part it needs.
func apiSound(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("ETag", `"sound"`)
	http.ServeContent(w, r, "", fileTime, bytes.NewReader(soundBody()))
}

// apiPicture is a PNG of 7 by 5 pixels.
func apiPicture(w http.ResponseWriter, _ *http.Request) {
	picture := image.NewNRGBA(image.Rect(0, 0, pictureWidth, pictureHigh))
	for x := range pictureWidth {
		for y := range pictureHigh {
			picture.Set(x, y, color.NRGBA{R: uint8(x * 36), G: uint8(y * 51), A: 255})
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		panic(fmt.Errorf("devidp: a picture that is no PNG: %w", err)) // a fault of this package
	}
	send(w, http.StatusOK, "image/png", out.Bytes())
}

// apiStyle gives the page's root element an outline of 3 px.
func apiStyle(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, "text/css; charset=utf-8", []byte("html { outline: 3px solid rgb(1, 2, 3); }\n"))
}

// apiScript is a classic script; apiModule a module that imports another one.
func apiScript(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, "text/javascript; charset=utf-8", []byte("globalThis.fromScript = 'Grüße';\n"))
}

func apiModule(w http.ResponseWriter, r *http.Request) {
	body := "import { answer } from './module?part';\nglobalThis.fromModule = answer;\n"
	if r.URL.Query().Has("part") {
		body = "export const answer = 'Grüße';\n"
	}
	send(w, http.StatusOK, "text/javascript; charset=utf-8", []byte(body))
}
