package static

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryLanguageHasEveryText(t *testing.T) {
	place := regexp.MustCompile(`\{[^}]*\}`)
	all := PageTexts()
	english := all[PageLanguage]
	require.Contains(t, english, "login")
	for language, texts := range all {
		require.Equal(t, slices.Sorted(maps.Keys(english)), slices.Sorted(maps.Keys(texts)), language)
		for key, text := range texts {
			require.NotEmpty(t, text, key)
			require.ElementsMatch(t, place.FindAllString(english[key], -1), place.FindAllString(text, -1), "%s of %s", key, language)
		}
	}
}

func TestTextsOfALanguage(t *testing.T) {
	texts := Texts{"de": {"a": "de"}, "de-CH": {"a": "de-CH"}}
	require.Equal(t, texts["de"], texts.Of("de"))
	require.Equal(t, texts["de"], texts.Of("de-AT"))
	require.Equal(t, texts["de-CH"], texts.Of("de-CH"))
	require.Nil(t, texts.Of("fr"))
	require.Nil(t, texts.Of("dev"))
}

func TestTextsAreFilledUp(t *testing.T) {
	builtIn := Texts{"en": {"a": "a", "b": "b"}, "de": {"a": "A", "b": "B"}}
	got := builtIn.With(map[string]map[string]string{"de": {"a": "x"}, "de-AT": {"b": "y"}, "fr": {"a": "z"}})
	require.Equal(t, Texts{
		"en": {"a": "a", "b": "b"}, "de": {"a": "x", "b": "B"}, "de-AT": {"a": "A", "b": "y"}, "fr": {"a": "z", "b": "b"},
	}, got)
	require.Equal(t, Texts{"en": {"a": "a", "b": "b"}, "de": {"a": "A", "b": "B"}}, builtIn, "they stay as they are")
}
