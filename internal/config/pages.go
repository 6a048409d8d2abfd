package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"tokenvault/static"
)

// languageTag is the form of a language (RFC 5646), not a list of them.
var languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

// parsePages reads how the vault's own pages speak.
func parsePages(root *object, config *Config, p *problems) {
	v := root.take("pages")
	if v == nil {
		return
	}
	o := asObject(v, p)
	if o.isObject() && !config.SignsIn() {
		p.add(v.key, "is for the pages of a sign-in by the vault, and there is none", `remove it, or add "signIn": "vault" to a client`)
	}
	if texts := o.take("texts"); texts != nil {
		config.Pages.Texts = parseTexts(asObject(texts, p), p)
	}
	if language, ok := o.optional("language"); ok {
		config.Pages.Language = language
		known := static.PageTexts().With(config.Pages.Texts)
		if known[language] == nil {
			p.add(o.key("language"), fmt.Sprintf("is %q, for which there are no texts", language),
				"add them to pages.texts, or choose from "+strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	o.close()
}

// parseTexts reads texts by language. Those of a language that is not built in have
// to be all there.
func parseTexts(o *object, p *problems) map[string]map[string]string {
	builtIn := static.PageTexts()
	english := builtIn[static.PageLanguage]
	all := map[string]map[string]string{}
	for _, language := range o.v.members {
		o.taken = append(o.taken, language.name)
		if !languageTag.MatchString(language.name) {
			p.add(language.value.key, "is not a language", `write its tag, such as "fr" or "pt-BR"`)
			continue
		}
		texts := asObject(language.value, p)
		own := map[string]string{}
		for _, member := range texts.v.members {
			text, ok := texts.optional(member.name)
			model, known := english[member.name]
			switch {
			case !known:
				p.add(member.value.key, "is no text of the pages", "remove it; they are "+strings.Join(slices.Sorted(maps.Keys(english)), ", "))
			case ok && strings.TrimSpace(text) == "":
				p.add(member.value.key, "is empty", "write a text, or leave out the key")
			case ok && !slices.Equal(placeholders(text), placeholders(model)):
				p.add(member.value.key, "has other places for values than the text that is built in",
					fmt.Sprintf("have the same in it, each once: %q", model))
			}
			own[member.name] = text
		}
		all[language.name] = own
		if builtIn.Of(language.name) == nil && texts.isObject() {
			if missing := missingKeys(own, english); len(missing) > 0 {
				p.add(language.value.key, "lacks texts: "+strings.Join(missing, ", "), "add them: nothing in this language is built in")
			}
		}
	}
	return all
}

var placeholder = regexp.MustCompile(`\{[a-z]*\}`)

// placeholders are the places of a text where a page puts a value, in order.
func placeholders(text string) []string {
	return slices.Sorted(slices.Values(placeholder.FindAllString(text, -1)))
}

func missingKeys(texts, model map[string]string) []string {
	var missing []string
	for _, key := range slices.Sorted(maps.Keys(model)) {
		if _, there := texts[key]; !there {
			missing = append(missing, key)
		}
	}
	return missing
}
