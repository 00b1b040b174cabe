// A page that was just opened hears of a new widget before it has read from the kernel what is older, and was there
// before it: so what a widget stands on is asked for until it is known.

const AGAIN_MS = 30;
const RESTORED_MS = 60000; // by then all has been read

async function older(manager, id, patience = RESTORED_MS) {
  for (const end = Date.now() + patience; ;) {
    try {
      return await manager.get_model(id);
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await new Promise((go) => setTimeout(go, AGAIN_MS));
  }
}

