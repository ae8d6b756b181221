// The login page: what the address says after its "#" (rounds and labels) goes along to the page behind it.

import { $ } from "./dom.js";

const form = $("#login-form");
form.setAttribute("action", form.getAttribute("action") + location.hash);
$("#language").addEventListener("change", ({ target }) => {
  document.cookie = `language=${target.value}; path=${new URL("./", document.baseURI).pathname}; max-age=31536000; samesite=lax`;
  location.reload();
});
