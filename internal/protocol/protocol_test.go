package protocol

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersionTextIsVersion(t *testing.T) {
	t.Parallel()
	require.Equal(t, strconv.Itoa(Version), VersionText)
}
