; SPDX-License-Identifier: GPL-3.0-or-later
; What a script does with Parallel Diffusion: opens a picture, selects a region, has it repainted from
; a description, and saves the layers (XCF) and the picture (PNG).
;
;   gimp-console-2.10 -i -d -f -b "$(cat plug-in/example.scm)
;     (parallel-diffusion-example \"in.png\" \"pebbles\" \"inpaint\" \"out.xcf\" \"out.png\")" \
;     -b '(gimp-quit 0)'
;
; In the folder "scripts" of a GIMP profile it is there without the first line.
; Further parameters come in the last argument of the procedure, such as "steps=20 model=default".
(define (parallel-diffusion-example input prompt mode xcf png)
  (let* ((image (car (gimp-file-load RUN-NONINTERACTIVE input input)))
         (drawable (car (gimp-image-get-active-drawable image)))
         (width (car (gimp-image-width image)))
         (height (car (gimp-image-height image))))
    (gimp-context-set-feather TRUE)
    (gimp-context-set-feather-radius (/ width 32) (/ height 32))
    (gimp-image-select-ellipse image CHANNEL-OP-REPLACE
                               (/ width 4) (/ height 4) (/ width 2) (/ height 2))
    (let ((layer (car (plug-in-parallel-diffusion RUN-NONINTERACTIVE image drawable prompt mode
                                                  0.9 7 "steps=12"))))
      (gimp-message (string-append "layer: " (car (gimp-item-get-name layer)))))
    (gimp-xcf-save RUN-NONINTERACTIVE image drawable xcf xcf)
    (let ((copy (car (gimp-image-duplicate image))))
      (file-png-save-defaults RUN-NONINTERACTIVE copy
                              (car (gimp-image-flatten copy)) png png)
      (gimp-image-delete copy))
    (gimp-image-delete image)))
