"""What a checkpoint holds, and how it is written, found, compared and read.

    checkpoint-20/
      model.safetensors, config.json, tokenizer files   opened by `from_pretrained` as they are
      heads.safetensors                                 what is trained beside the model, if anything
      lora.safetensors                                  of a low-rank change: the matrices without it, and it
      optimizer.safetensors, scheduler.safetensors      (and scaler.safetensors under fp16)
      generators-0.safetensors                          random generators, one file a process
      trainer_state.json                                steps, tokens, log
      manifest.json                                     written last: what the run depends on, and the
                                                        checksum of every file

No file is a pickle: what cannot be said in tensors and JSON is not saved.
"""
