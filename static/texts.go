package static

import (
	_ "embed" // the texts
	"encoding/json"
	"maps"
	"strings"
)

//go:embed texts.json
var texts []byte

// PageLanguage is the language of the vault's pages where no better one is known.
// It has every text.
const PageLanguage = "en"

// Texts are what the vault's own pages say, by language (a tag of RFC 5646) and key.
type Texts map[string]map[string]string

// PageTexts returns the texts that are built in.
func PageTexts() Texts {
	var all Texts
	if err := json.Unmarshal(texts, &all); err != nil {
		panic("static: texts.json: " + err.Error()) // a file of ours
	}
	return all
}

// Of returns the texts of a language, or of the one that it is a variant of: those of
// "pt" for "pt-BR". Nil: there are none.
func (t Texts) Of(language string) map[string]string {
	if own := t[language]; own != nil {
		return own
	}
	primary, _, _ := strings.Cut(language, "-")
	return t[primary]
}

// With returns these texts and others, which come first. A language of the others
// that lacks a text has it from these, in English where they do not know the language.
func (t Texts) With(others map[string]map[string]string) Texts {
	all := maps.Clone(t)
	for language, own := range others {
		filled := maps.Clone(t[PageLanguage])
		maps.Copy(filled, t.Of(language))
		maps.Copy(filled, own)
		all[language] = filled
	}
	return all
}
