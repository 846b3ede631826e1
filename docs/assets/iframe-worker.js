// Browsers start no workers from files. The site's search is one, so that a page that was opened
// as a file runs it in a hidden frame instead: same messages, no server.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      this.inner = new Promise((ready) => {
        this.frame.onload = () => {
          const inner = this.frame.contentWindow
          inner.postMessage = (data) =>
            this.dispatchEvent(new MessageEvent("message", { data }))
          const script = inner.document.createElement("script")
          script.onload = () => ready(inner)
          script.src = url
          inner.document.body.append(script)
        }
      })
      document.body.append(this.frame)
    }
    postMessage(data) {
      this.inner.then((inner) =>
        inner.dispatchEvent(new inner.MessageEvent("message", { data })))
    }
    terminate() {
      this.frame.remove()
    }
  }
}
