package devidp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"image/png"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// asked makes a request whose response is read piece by piece.
func (rg *rig) asked(t testing.TB, target string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	require.NoError(t, err)
	response, err := rg.browser.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, response.Body.Close()) })
	return response
}

func TestStepsWaitForTheirAcknowledgements(t *testing.T) {
	rg := newRig(t)
	for _, as := range []string{"sse", "ndjson", "text", "binary"} {
		t.Run(as, func(t *testing.T) {
			target := rg.api + "/public/steps/" + as
			response := rg.asked(t, target+"?as="+as)
			parts := bufio.NewReader(response.Body)
			for n := range 3 {
				var part string
				for size := len(stepPart(as, int64(n+1), 3)); len(part) < size; {
					line, err := parts.ReadString('\n')
					require.NoError(t, err)
					part += line
				}
				require.Equal(t, stepPart(as, int64(n+1), 3), part)
				sent := rg.Requests()[len(rg.Requests())-1].Sent
				if n == 0 {
					require.EqualValues(t, len(part), sent, "nothing more is sent before the acknowledgement")
				}
				require.Equal(t, http.StatusNoContent, rg.post(t, target+"/ack?n="+strconv.Itoa(n+1), nil, nil).status)
			}
			_, err := parts.ReadByte()
			require.ErrorIs(t, err, io.EOF)
		})
	}
}

func TestStepsHoldTheFirstPartBack(t *testing.T) {
	rg := newRig(t)
	target := rg.api + "/public/steps/held"
	response := rg.asked(t, target+"?as=text&head")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Zero(t, rg.Requests()[0].Sent, "the head came alone")
	require.Equal(t, http.StatusNoContent, rg.post(t, target+"/ack?n=0", nil, nil).status)
	line, err := bufio.NewReader(response.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, stepPart("text", 1, 3), line)
}

func TestStepsAreCutAfterTheLastPart(t *testing.T) {
	rg := newRig(t)
	target := rg.api + "/public/steps/cut"
	response := rg.asked(t, target+"?as=text&count=1&cut")
	parts := bufio.NewReader(response.Body)
	line, err := parts.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, stepPart("text", 1, 1), line)
	require.Equal(t, http.StatusNoContent, rg.post(t, target+"/ack?n=1", nil, nil).status)
	_, err = parts.ReadByte()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestStepsRefuse(t *testing.T) {
	rg := newRig(t)
	tests := []struct {
		path   string
		header header
		status int
	}{
		{"/public/steps/a?as=image", nil, 400},
		{"/public/steps/a?count=x", nil, 400},
		{"/public/steps/a", header{"Last-Event-ID": "x"}, 400},
		{"/public/steps/a?count=3", header{"Last-Event-ID": "3"}, 204},
		{"/public/steps/a/ack", nil, 405},
		{"/v1/steps/a", nil, 401},
	}
	for _, tt := range tests {
		require.Equal(t, tt.status, rg.get(t, rg.api+tt.path, tt.header).status, tt.path)
	}
	require.Equal(t, http.StatusNotFound, rg.post(t, rg.api+"/public/steps/none/ack?n=1", nil, nil).status)
	rg.asked(t, rg.api+"/public/steps/a")
	require.Equal(t, http.StatusConflict, rg.get(t, rg.api+"/public/steps/a", nil).status, "its id is taken")
}

func TestChunks(t *testing.T) {
	rg := newRig(t)
	tests := []struct {
		query  string
		status int
		want   []byte
	}{
		{"", 200, []byte{}},
		{"?sizes=0", 200, []byte{}},
		{"?sizes=1", 200, BinaryBody(1)},
		{"?sizes=1,0,70000", 200, BinaryBody(70001)},
		{"?sizes=9&type=text", 200, TextBody(9)},
		{"?sizes=x", 400, nil},
		{"?sizes=-1", 400, nil},
		{"?sizes=60000000,60000000", 400, nil},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			a := rg.get(t, rg.api+"/public/chunks"+tt.query, nil)
			require.Equal(t, tt.status, a.status)
			if tt.want != nil {
				require.Equal(t, hexSHA256(tt.want), hexSHA256([]byte(a.body)))
				require.Empty(t, a.header.Get("Content-Length"))
			}
		})
	}
}

func TestMedia(t *testing.T) {
	rg := newRig(t)
	sound := rg.get(t, rg.api+"/public/sound", nil)
	require.Equal(t, "audio/wav", sound.header.Get("Content-Type"))
	require.EqualValues(t, len(sound.body)-8, binary.LittleEndian.Uint32([]byte(sound.body)[4:]))
	require.EqualValues(t, len(sound.body)-44, binary.LittleEndian.Uint32([]byte(sound.body)[40:]))
	part := rg.get(t, rg.api+"/public/sound", header{"Range": "bytes=1000000-1000009"})
	require.Equal(t, http.StatusPartialContent, part.status)
	require.Equal(t, sound.body[1_000_000:1_000_010], part.body)

	picture, err := png.Decode(bytes.NewReader([]byte(rg.get(t, rg.api+"/public/picture", nil).body)))
	require.NoError(t, err)
	require.Equal(t, pictureWidth, picture.Bounds().Dx())

	for path, kind := range map[string]string{
		"style": "text/css; charset=utf-8", "script": "text/javascript; charset=utf-8",
		"module": "text/javascript; charset=utf-8", "module?part": "text/javascript; charset=utf-8",
	} {
		require.Equal(t, kind, rg.get(t, rg.api+"/public/"+path, nil).header.Get("Content-Type"))
	}
}

func TestTextFileHasRanges(t *testing.T) {
	rg := newRig(t)
	a := rg.get(t, rg.api+"/public/file?type=text", header{"Range": "bytes=10-19"})
	require.Equal(t, http.StatusPartialContent, a.status)
	require.Equal(t, string(TextBody(20)[10:]), a.body)
	require.Equal(t, "text/plain; charset=utf-8", a.header.Get("Content-Type"))
}

func TestEchoRepeatsItself(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).AccessToken
	a := rg.call(t, "/v1/echo?as=chunked&times=3&pause=0&split=1", token)
	require.Equal(t, strings.Repeat("before "+token+" after", 3), a.body)
	require.Equal(t, http.StatusBadRequest, rg.call(t, "/v1/echo?as=chunked&times=x", token).status)
}

func TestCutEndsAStreamInTheMiddle(t *testing.T) {
	rg := newRig(t)
	body, err := io.ReadAll(rg.asked(t, rg.api+"/public/cut").Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Contains(t, string(body), "event: tick")
}
