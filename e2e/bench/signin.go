package main

import (
	"fmt"

	"tokenvault/internal/devidp"
)

// signIn signs a column in: by its product's own way where it has one, and by the
// code flow that its product catches otherwise.
func (c *column) signIn(account devidp.Account) error {
	if _, err := eval[any](c.tab, `setTimeout(() => window.signIn())`); err != nil {
		return err
	}
	if err := c.tab.until(`document.querySelector("#password, #submit") !== null || location.search.includes("code=")`); err != nil {
		return err
	}
	form, err := eval[bool](c.tab, `return document.querySelector("#password") !== null`)
	if err != nil {
		return err
	}
	if form {
		_, err := eval[any](c.tab, fmt.Sprintf(`
			document.querySelector("#username").value = %q;
			document.querySelector("#password").value = %q;
			setTimeout(() => document.querySelector("#submit").click())`, account.Username, account.Password))
		if err != nil {
			return err
		}
	}
	if err := c.tab.until(`window.loaded !== undefined`); err != nil {
		return err
	}
	token, err := eval[string](c.tab, `return (await window.finishSignIn?.()) ?? ""`)
	if err != nil {
		return err
	}
	if token != "" && token != "REDACTED" {
		return fmt.Errorf("%s let the token into the page: it does not work here", c.name)
	}
	return nil
}
