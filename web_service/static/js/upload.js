// A file as a query image: made small in the browser, or sent as it is where the browser cannot read it.

import { t } from "./words.js";

const LONGEST_SIDE = 640; // more than any model looks at
const QUALITY = 0.92;
const MAX_BYTES = 20 * 1024 * 1024;

/** {key, base64} of a file; the key is short and the same for the same picture. Throws with words for the person. */
export async function prepared(file) {
  const blob = (await smaller(file)) ?? file;
  if (blob.size > MAX_BYTES) {
    throw new Error(t("upload.tooLarge", { name: file.name, size: Math.round(blob.size / 1e6), most: MAX_BYTES / 1024 / 1024 }));
  }
  const base64 = await toBase64(blob);
  return { key: await digest(base64), base64 };
}

async function smaller(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return null; // not an image for this browser; the service may know better, or says what it needs
  }
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // JPEG knows no transparency; black would change what the picture shows
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
}

function toBase64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error(t("upload.unreadable")));
    reader.readAsDataURL(blob);
  });
}

// FNV-1a, 2 x 32 bits: names a picture in the address; nothing is protected by it, and it works without https.
async function digest(text) {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(i), 0x85ebca6b) ^ (b >>> 13);
  }
  return (a >>> 0).toString(36) + (b >>> 0).toString(36);
}

/** Shows `veil` while a file is held over the page, and gives the file that is dropped to `use`. */
export function listenToDrops(veil, use) {
  let depth = 0; // dragenter and dragleave come for every element on the way
  const show = (step) => {
    depth = Math.max(0, depth + step);
    veil.hidden = depth === 0;
  };
  const hasFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragenter", (event) => hasFile(event) && show(1));
  document.addEventListener("dragleave", (event) => hasFile(event) && show(-1));
  document.addEventListener("dragover", (event) => hasFile(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    show(-depth);
    if (event.dataTransfer.files[0]) use(event.dataTransfer.files[0]);
  });
}
