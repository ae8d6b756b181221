// Name and notes of something saved; who comes late is told, and keeps what was typed.

import { $ } from "../dom.js";
import { t } from "../words.js";
import { store } from "./store.js";

const dialog = $("#words");
const [name, notes, conflict] = [$("#words-name"), $("#words-notes"), $("#words-conflict")];
let edited = null;

export function startEdit() {
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  $("#words-form").addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
}

export function edit(entry) {
  edited = entry;
  name.value = entry.name;
  notes.value = entry.notes;
  conflict.hidden = true;
  dialog.showModal();
  name.select();
}

async function save() {
  try {
    await store.change(edited, { name: name.value, notes: notes.value });
    dialog.close();
  } catch (error) {
    conflict.hidden = false;
    conflict.textContent = error.message;
    if (error.code !== "conflict") return;
    await store.load();
    edited = store.find(edited.id) ?? edited;
    conflict.textContent = t("saved.conflict", { name: edited.name });
  }
}
