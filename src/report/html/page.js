"use strict";
// Plays the exchange of each test on the drawing of its lab. All that is shown is in the page already, and
// can be had without this: links lead to messages, and what failed is drawn.

const PACE = 900; // milliseconds a message

class Player {
  constructor(exchange) {
    this.exchange = exchange;
    this.messages = [...exchange.querySelectorAll(".message")];
    this.ladder = exchange.querySelector(".ladder");
    this.slider = exchange.querySelector("input");
    this.output = exchange.querySelector("output");
    this.button = exchange.querySelector("button");
    this.timer = null;
    this.at = this.messages.findIndex((message) => message.classList.contains("now"));
    exchange.classList.add("alive");
    exchange.querySelector(".player").hidden = false;
    this.slider.addEventListener("input", () => { this.stop(); this.show(this.slider.valueAsNumber); });
    this.button.addEventListener("click", () => this.timer === null ? this.play() : this.stop());
    this.ladder.addEventListener("keydown", (event) => this.key(event));
    if (this.at >= 0) this.show(this.at);
    else this.output.textContent = `${this.messages.length} messages`;
  }

  // Shows the message with that number, here on the page too if it is `named`.
  show(number, named) {
    const message = this.messages[Math.max(0, Math.min(number, this.messages.length - 1))];
    const row = message.dataset.row;
    this.at = this.messages.indexOf(message);
    for (const one of this.exchange.querySelectorAll(".now")) one.classList.remove("now");
    for (const one of this.exchange.querySelectorAll(`[data-row="${row}"]`)) one.classList.add("now");
    this.slider.value = this.at;
    this.output.textContent = message.querySelector("h5").textContent;
    this.slider.setAttribute("aria-valuetext", this.output.textContent);
    message.scrollTop = 0;
    this.reveal(this.ladder.querySelector(".now"));
    if (named) history.replaceState(null, "", "#" + message.id);
  }

  // Scrolls the ladder, and nothing else, to a row of it.
  reveal(row) {
    const box = row.getBoundingClientRect(), frame = this.ladder.getBoundingClientRect();
    const over = frame.top - box.top, under = box.bottom - frame.bottom;
    if (over > 0) this.ladder.scrollTop -= over + frame.height / 3;
    else if (under > 0) this.ladder.scrollTop += under + frame.height / 3;
  }

  play() {
    const last = this.messages.length - 1;
    this.label(true);
    this.show(this.at >= last ? 0 : this.at + 1);
    this.timer = setInterval(() => this.at < last ? this.show(this.at + 1) : this.stop(), PACE);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.label(false);
  }

  label(playing) {
    this.button.textContent = playing ? "Pause" : "Play";
    this.button.setAttribute("aria-pressed", playing);
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.stop();
    this.show(this.at + step, true);
    this.ladder.querySelector("a.now").focus({ preventScroll: true });
  }
}

const players = new Map([...document.querySelectorAll(".exchange")].map((one) => [one, new Player(one)]));

// Shows the message that an address names; whether it names one.
function go(address) {
  let message;
  try {
    message = document.getElementById(decodeURIComponent(address.slice(1)));
  } catch {
    return false; // a percent sign that begins nothing
  }
  const exchange = message?.closest(".exchange");
  if (!exchange || !message.classList.contains("message")) return false;
  for (let one = exchange.closest("details"); one; one = one.parentElement.closest("details")) one.open = true;
  const player = players.get(exchange);
  player.stop();
  player.show(player.messages.indexOf(message), true);
  return true;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !go(link.getAttribute("href"))) return;
  event.preventDefault();
  // From what is said of a failure to what is told of.
  if (link.classList.contains("to-message")) {
    const exchange = link.closest(".body").querySelector(".exchange");
    exchange.scrollIntoView({ block: "start" });
    players.get(exchange).slider.focus({ preventScroll: true });
  }
});
addEventListener("hashchange", () => go(location.hash));
if (go(location.hash)) document.getElementById(decodeURIComponent(location.hash.slice(1))).closest(".exchange").scrollIntoView();
